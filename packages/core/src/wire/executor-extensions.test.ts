import { describe, expect, test } from 'vitest';
import { ByteWriter } from './byte-writer.ts';
import {
  appendCancelRequest,
  appendGiveBackRequest,
  appendGivenBack,
  appendGreeting,
  decodeExecutorNotice,
} from './executor-extensions.ts';
import {
  appendExecuteRequest,
  appendResult,
  decodeExecutorRequest,
  encodeExecutePrefix,
  ExecutorOutcome,
} from './executor-pipe.ts';

function frame(append: (writer: ByteWriter) => void): Uint8Array {
  const writer = new ByteWriter();
  append(writer);
  return writer.toBytes();
}

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');

describe('requests beyond the reference', () => {
  test('cancel one by its number', () => {
    const bytes = frame((writer) => appendCancelRequest(writer, 258));
    expect(hex(bytes)).toBe('0000000c110000000201000000000000');
    expect(decodeExecutorRequest(bytes, 4)).toEqual({ kind: 'cancel', request: 258 });
  });

  test('ask for what was not begun', () => {
    const bytes = frame(appendGiveBackRequest);
    expect(hex(bytes)).toBe('0000000412000000');
    expect(decodeExecutorRequest(bytes, 4)).toEqual({ kind: 'give-back' });
  });

  test('say how long a task may take; without that they are the reference’s', () => {
    const nothing = new Uint8Array(0);
    const request = (prefix: Uint8Array): Uint8Array =>
      frame((writer) => appendExecuteRequest(writer, prefix, nothing, nothing));
    const within = request(encodeExecutePrefix('p', 'f', 5_000));
    expect(hex(within.subarray(4, 16))).toBe('100000008813000000000000');
    const expected = { kind: 'execute', packageName: 'p', functionName: 'f' };
    expect(decodeExecutorRequest(within, 4)).toMatchObject({ ...expected, hardTimeoutMs: 5_000 });
    const plain = request(encodeExecutePrefix('p', 'f'));
    expect(hex(plain.subarray(4, 8))).toBe('00000000');
    expect(decodeExecutorRequest(plain, 4)).toMatchObject({
      ...expected,
      hardTimeoutMs: undefined,
    });
  });
});

describe('notices of an executor', () => {
  test('are told from results', () => {
    const notice = (bytes: Uint8Array): unknown => decodeExecutorNotice(bytes, 4, bytes.length);
    expect(notice(frame(appendGreeting))).toEqual({ kind: 'greeting' });
    const givenBack = frame((writer) => appendGivenBack(writer, 3));
    expect(notice(givenBack)).toEqual({ kind: 'given-back', count: 3 });
    expect(() => decodeExecutorNotice(givenBack, 4, 15)).toThrow('ends inside its count');
    const result = frame((writer) =>
      appendResult(writer, ExecutorOutcome.Succeeded, new Uint8Array(4), 1),
    );
    expect(notice(result)).toBeUndefined();
    expect(decodeExecutorNotice(result, 4, 6)).toBeUndefined();
  });
});
