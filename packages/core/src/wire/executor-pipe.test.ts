import fc from 'fast-check';
import { expect, test } from 'vitest';
import { SpiderError } from '../error.ts';
import { LIMITS } from '../limits.ts';
import { ByteWriter } from './byte-writer.ts';
import {
  appendExecuteRequest,
  appendResult,
  decodeExecutorRequest,
  decodeExecutorResult,
  encodeExecutePrefix,
  ExecutorOutcome,
} from './executor-pipe.ts';

test('requests and results come back as they were', () => {
  fc.assert(
    fc.property(
      fc.string({ unit: 'grapheme' }),
      fc.string({ unit: 'grapheme' }),
      fc.uint8Array(),
      fc.uint8Array(),
      (packageName, functionName, context, inputs) => {
        const writer = new ByteWriter(1);
        const prefix = encodeExecutePrefix(packageName, functionName);
        appendExecuteRequest(writer, prefix, context, inputs);
        expect(decodeExecutorRequest(writer.toBytes(), 4)).toEqual({
          kind: 'execute',
          packageName,
          functionName,
          context,
          inputs,
        });
      },
    ),
  );
  fc.assert(
    fc.property(
      fc.constantFrom(...Object.values(ExecutorOutcome)),
      fc.uint8Array(),
      fc.maxSafeNat(),
      (outcome, payload, elapsedUs) => {
        const writer = new ByteWriter(1);
        appendResult(writer, outcome, payload, elapsedUs);
        expect(decodeExecutorResult(writer.toBytes(), 4)).toEqual({ outcome, payload, elapsedUs });
      },
    ),
  );
});

test('any bytes are a message or refused', () => {
  fc.assert(
    fc.property(
      fc.constantFrom(0, 1, 2, 16, 17, 18),
      fc.uint8Array({ maxLength: 60 }),
      (variant, rest) => {
        const body = Uint8Array.of(variant, 0, 0, 0, ...rest);
        for (const decode of [decodeExecutorRequest, decodeExecutorResult]) {
          try {
            decode(body);
          } catch (error) {
            expect(error).toBeInstanceOf(SpiderError);
          }
        }
      },
    ),
    { numRuns: 500 },
  );
});

test('the error says where a message ends too early, and which variant is unknown', () => {
  const body = (hexes: readonly number[]): Uint8Array => Uint8Array.from(hexes);
  expect(() => decodeExecutorRequest(body([9, 0, 0, 0]))).toThrow('unknown executor request 9');
  expect(() => decodeExecutorRequest(body([0, 0]))).toThrow('ends inside its variant');
  const long = [0, 0, 0, 0, 255, 255, 255, 255, 255, 255, 255, 255, 1];
  expect(() => decodeExecutorRequest(body(long))).toThrow('ends inside its package name');
  const badText = [0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0xff];
  expect(() => decodeExecutorRequest(body(badText))).toThrow(
    'package name of an executor message is not UTF-8',
  );
  expect(() => decodeExecutorResult(body([0, 0, 0, 0, 4, 0, 0, 0]))).toThrow('unknown outcome 4');
});

test('what is too large for the pipe is refused, and leaves nothing behind', () => {
  const writer = new ByteWriter();
  const big = new Uint8Array(LIMITS.executorFrameBytes);
  const request = (): void =>
    appendExecuteRequest(writer, encodeExecutePrefix('p', 'f'), new Uint8Array(0), big);
  expect(request).toThrow(
    'the executor request has 8388646 bytes, more than the 8388608 that one message',
  );
  expect(() => appendResult(writer, ExecutorOutcome.Succeeded, big, 0)).toThrow(
    'the executor result has 8388632 bytes',
  );
  expect(writer.length).toBe(0);
  appendResult(writer, ExecutorOutcome.Succeeded, big.subarray(24), 0);
  expect(writer.length).toBe(4 + LIMITS.executorFrameBytes);
});
