import fc from 'fast-check';
import { expect, test } from 'vitest';
import { SpiderError } from '../error.ts';
import {
  decodeExecutorError,
  encodeExecutorError,
  type ExecutorError,
  formatExecutorError,
} from './executor-error.ts';
import { fromHex } from './testing/hex.ts';

const message = fc.string({ unit: 'grapheme' });
const version = fc.record({
  major: fc.nat(),
  minor: fc.nat(),
  patch: fc.nat({ max: 0xffff_ffff }),
});
const tdlError = fc.record({
  kind: fc.constantFrom(
    'TaskNotFound',
    'DeserializationError',
    'SerializationError',
    'ExecutionError',
    'InvalidTaskContext',
    'Custom',
  ),
  message,
});
const executorError: fc.Arbitrary<ExecutorError> = fc.oneof(
  fc.record({
    kind: fc.constantFrom(
      'InvalidLibrary',
      'DuplicatePackage',
      'InvalidUtf8',
      'ErrorPayloadDeserializationFailure',
    ),
    message,
  }),
  fc.record({ kind: fc.constantFrom('TaskError', 'PackageInitError'), error: tdlError }),
  fc.record({
    kind: fc.constant('IncompatibleVersion'),
    packageVersion: version,
    executorVersion: version,
  }),
);

test('every error comes back as it was, and reads as one line', () => {
  fc.assert(
    fc.property(executorError, (error) => {
      expect(decodeExecutorError(encodeExecutorError(error))).toEqual(error);
      expect(formatExecutorError(error)).not.toContain('\n');
    }),
  );
});

test('any bytes are an error or refused', () => {
  fc.assert(
    fc.property(executorError, fc.nat(), (error, at) => {
      const bytes = encodeExecutorError(error);
      const cut = bytes.subarray(0, at % bytes.length);
      expect(() => decodeExecutorError(cut)).toThrow(SpiderError);
    }),
  );
});

test.each<[ExecutorError, string]>([
  [
    { kind: 'TaskError', error: { kind: 'ExecutionError', message: 'boom\n  at once' } },
    'task failed: boom at once',
  ],
  [
    { kind: 'TaskError', error: { kind: 'TaskNotFound', message: 'package p has no task "f"' } },
    'no such task: package p has no task "f"',
  ],
  [{ kind: 'InvalidLibrary', message: 'there is none' }, 'task package not usable: there is none'],
  [
    {
      kind: 'IncompatibleVersion',
      packageVersion: { major: 0, minor: 2, patch: 1 },
      executorVersion: { major: 0, minor: 1, patch: 0 },
    },
    'task package is built for version 0.2.1 of the SDK, the executor runs 0.1.0',
  ],
])('%j reads: %s', (error, line) => {
  expect(formatExecutorError(error)).toBe(line);
});

test.each([
  ['80', 'got a map of 0 entries'],
  ['81 a3596573 a0', 'unknown executor error "Yes"'],
  ['81 a95461736b4572726f72 81 a3596573 a0', 'unknown TDL error "Yes"'],
  ['81 b3496e636f6d70617469626c6556657273696f6e 93 00 02 00', '6 numbers, got 3'],
])('%s is no executor error', (hex, reason) => {
  expect(() => decodeExecutorError(fromHex(hex))).toThrow(reason);
});
