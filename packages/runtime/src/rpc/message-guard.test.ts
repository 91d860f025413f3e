import { create, toBinary } from '@bufbuild/protobuf';
import { ConnectError } from '@connectrpc/connect';
import { ExchangeRequestSchema, SubmitJobRequestSchema } from '@spider/proto';
import { describe, expect, test } from 'vitest';

import { MessageGuard } from './message-guard.ts';
import { type FieldShape, shapeOf, WireType } from './message-shape.ts';

const SHAPE = shapeOf(ExchangeRequestSchema);

/** Answers the error with which a message is refused, if it is. */
function refusal(bytes: Uint8Array, most = 1000, shape = SHAPE): string | undefined {
  const guard = new MessageGuard(shape, bytes.length, most);
  try {
    guard.push(bytes, 0, bytes.length);
    guard.finish();
  } catch (error) {
    return ConnectError.from(error).message;
  }
  return undefined;
}

const exchange = toBinary(
  ExchangeRequestSchema,
  create(ExchangeRequestSchema, {
    hello: { executionManagerId: 2n ** 63n, lastReportSequence: 300n, pings: true },
    leases: [{ jobId: 1n, taskIndexes: [0, 1, 300, 70_000] }, {}],
    reportSequence: 12n,
  }),
);

describe('the values of a message are counted', () => {
  test('before it is decoded: numbers, and more for what becomes an object', () => {
    // hello with 3 fields, two leases, 2 fields and 4 numbers in one of them, and a number.
    const values = 17 + 3 + 2 * 17 + 2 + 4 + 1;
    expect(refusal(exchange, values)).toBeUndefined();
    expect(refusal(exchange, values - 1)).toContain('a message has more than 60 values, the limit');
  });

  test('wherever its bytes are cut', () => {
    for (let size = 1; size <= exchange.length; size++) {
      const guard = new MessageGuard(SHAPE, exchange.length);
      for (let at = 0; at < exchange.length; at += size) {
        guard.push(exchange, at, Math.min(at + size, exchange.length));
      }
      expect(() => guard.finish()).not.toThrow();
    }
  });

  test('in maps and texts as well, of which the length does not matter', () => {
    const labels = Object.fromEntries(
      Array.from({ length: 5 }, (_, at) => [`l${at}`, 'x'.repeat(99)]),
    );
    const bytes = toBinary(SubmitJobRequestSchema, create(SubmitJobRequestSchema, { labels }));
    const shape = shapeOf(SubmitJobRequestSchema);
    expect(refusal(bytes, 5 * 19, shape)).toBeUndefined();
    expect(refusal(bytes, 5 * 19 - 1, shape)).toContain('the limit');
  });

  test('of fields that are not known, too', () => {
    const unknown = new Uint8Array(200).fill(0).map((_, at) => (at % 2 === 0 ? 15 << 3 : 1));
    expect(refusal(unknown, 100)).toBeUndefined();
    expect(refusal(unknown, 99)).toContain('the limit');
  });
});

test.each([
  ['a group', [0x0b, 0x0c]],
  ['a field with the number 0', [0x00, 0x00]],
  ['a message that says to be a number', [0x10, 0x02, 0x12, 0x00]],
  ['a field that is longer than its message', [0x12, 0x02, 0x08]],
  ['a field that is longer than the message around it', [0x12, 0x02, 0x0a, 0x05, 0, 0, 0, 0, 0]],
  ['a number that ends outside of its message', [0x12, 0x02, 0x08, 0x80, 0x01]],
  ['a number without an end', [0x20, ...new Array<number>(10).fill(0x80), 0x01]],
  ['a length of more than 32 bits', [0x12, 0x80, 0x80, 0x80, 0x80, 0x10]],
  ['packed numbers of which the last has no end', [0x12, 0x04, 0x1a, 0x02, 0x01, 0x80]],
  ['a tag without a value', [0x12]],
])('%s is refused', (_what, bytes) => {
  expect(refusal(Uint8Array.from(bytes), 10_000)).toContain('the message cannot be decoded');
});

test('more levels than a decoder takes are refused', () => {
  const shape = new Map<number, FieldShape>();
  shape.set(1, { wireType: WireType.Bytes, isPackable: false, message: shape });
  const nested = (levels: number): Uint8Array => {
    let bytes: number[] = [];
    for (let level = 0; level < levels; level++) {
      const { length } = bytes;
      const prefix = length < 0x80 ? [length] : [(length & 0x7f) | 0x80, length >> 7];
      bytes = [0x0a, ...prefix, ...bytes];
    }
    return Uint8Array.from(bytes);
  };
  expect(refusal(nested(100), 10_000, shape)).toBeUndefined();
  expect(refusal(nested(101), 10_000, shape)).toContain('more than 100 levels');
});
