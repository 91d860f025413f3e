import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import { ExchangeRequestSchema } from '@spider/proto';
import fc from 'fast-check';
import { expect, test } from 'vitest';

import { MessageGuard } from './message-guard.ts';
import { shapeOf } from './message-shape.ts';

const SHAPE = shapeOf(ExchangeRequestSchema);
const MOST = 60;

const uint32 = fc.nat({ max: 70_000 });
const uint64 = fc.bigInt({ min: 0n, max: 2n ** 64n - 1n });

const encoded = fc
  .record({
    leases: fc.array(
      fc.record({ jobId: uint64, taskIndexes: fc.array(uint32, { maxLength: 6 }) }),
      {
        maxLength: 3,
      },
    ),
    reportSequence: uint64,
  })
  .map((request) => toBinary(ExchangeRequestSchema, create(ExchangeRequestSchema, request)));

/** Bytes of a message of which some were replaced by others. */
const damaged = fc
  .tuple(encoded, fc.nat(), fc.nat({ max: 3 }), fc.uint8Array({ maxLength: 8 }))
  .map(([bytes, at, removed, inserted]) => {
    const start = at % (bytes.length + 1);
    return Uint8Array.from([
      ...bytes.subarray(0, start),
      ...inserted,
      ...bytes.subarray(start + removed),
    ]);
  });

/** Values in something decoded. */
function sizeOf(value: unknown): number {
  if (value instanceof Uint8Array || typeof value !== 'object' || value === null) return 1;
  return Object.values(value).reduce((sum: number, part) => sum + sizeOf(part), 0);
}

/** What a message has without any field: its name, and empty lists. */
const EMPTY = 8;

function isAccepted(bytes: Uint8Array, cut: number): boolean {
  const guard = new MessageGuard(SHAPE, bytes.length, MOST);
  try {
    guard.push(bytes, 0, cut);
    guard.push(bytes, cut, bytes.length);
    guard.finish();
    return true;
  } catch {
    return false;
  }
}

test('what is let through has no more values than were counted, whatever was done to its bytes', () => {
  let decoded = 0;
  fc.assert(
    fc.property(fc.oneof(encoded, damaged, fc.uint8Array()), fc.nat(), (bytes, at) => {
      if (!isAccepted(bytes, at % (bytes.length + 1))) return;
      const message = fromBinary(ExchangeRequestSchema, bytes, { readUnknownFields: false });
      decoded += 1;
      expect(sizeOf(message)).toBeLessThanOrEqual(MOST + EMPTY);
    }),
    { numRuns: 3_000 },
  );
  expect(decoded).toBeGreaterThan(300);
});

test('what was encoded is let through, unless it has too many values', () => {
  fc.assert(
    fc.property(encoded, fc.nat(), (bytes, at) => {
      const { leases } = fromBinary(ExchangeRequestSchema, bytes);
      const values = leases.reduce((sum, { taskIndexes }) => sum + 19 + taskIndexes.length, 1);
      if (values <= MOST) expect(isAccepted(bytes, at % (bytes.length + 1))).toBe(true);
    }),
  );
});
