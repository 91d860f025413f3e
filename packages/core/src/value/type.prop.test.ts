import fc from 'fast-check';
import { expect, test } from 'vitest';
import { SpiderError } from '../error.ts';
import { list, map, optional, shared } from './composite-types.ts';
import { MsgpackReader } from './msgpack-reader.ts';
import {
  boolean,
  bytes,
  float32,
  float64,
  int16,
  int32,
  int64,
  int8,
  string,
} from './scalar-types.ts';
import { struct } from './struct-type.ts';
import type { Type } from './type.ts';
import { decodeValue, encodeValue } from './value-frame.ts';

/** A type, and values of it. */
interface Sample {
  readonly type: Type<unknown>;
  readonly values: fc.Arbitrary<unknown>;
}

const int = (bits: number): fc.Arbitrary<number> =>
  fc.integer({ min: -(2 ** (bits - 1)), max: 2 ** (bits - 1) - 1 });

const SCALARS: readonly Sample[] = [
  { type: int8, values: int(8) },
  { type: int16, values: int(16) },
  { type: int32, values: int(32) },
  { type: int64, values: fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }) },
  { type: float32, values: fc.float() },
  { type: float64, values: fc.double() },
  { type: boolean, values: fc.boolean() },
  { type: bytes, values: fc.uint8Array({ maxLength: 300 }) },
  { type: string, values: fc.string({ unit: 'grapheme', maxLength: 300 }) },
];

const KEYS = SCALARS.filter(({ type }) => /^(int|bytes)/.test(type.descriptor.value.type));

const { sample } = fc.letrec<{ sample: Sample }>((tie) => ({
  sample: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    fc.constantFrom(...SCALARS),
    tie('sample').map(({ type, values }) => ({
      type: list(type),
      values: fc.array(values, { maxLength: 20 }),
    })),
    tie('sample').map(({ type, values }) => ({
      type: optional(type),
      values: fc.option(values, { nil: undefined }),
    })),
    fc.tuple(fc.constantFrom(...KEYS), tie('sample')).map(([key, value]) => ({
      type: map(key.type as Type<number>, value.type),
      values: fc
        .array(fc.tuple(key.values, value.values), { maxLength: 20 })
        .map((entries) => new Map(entries)),
    })),
    fc.tuple(tie('sample'), tie('sample')).map(([a, b]) => ({
      type: struct('Pair', { a: a.type, b: b.type }),
      values: fc.record({ a: a.values, b: b.values }),
    })),
  ),
}));

const typedValue = sample.chain(({ type, values }) =>
  values.map((value) => ({ type, value, bytes: encodeValue(type, value) })),
);

test('every value comes back as it was', () => {
  fc.assert(
    fc.property(typedValue, ({ type, value, bytes }) => {
      expect(decodeValue(type, bytes)).toEqual(value);
      expect(decodeValue(shared(type), bytes)).toEqual(value);
    }),
    { numRuns: 500 },
  );
});

test('reading a value takes exactly its bytes, and skipping it does too', () => {
  fc.assert(
    fc.property(typedValue, fc.uint8Array({ maxLength: 4 }), ({ type, bytes }, rest) => {
      const followed = Uint8Array.of(...bytes, ...rest);
      const reader = new MsgpackReader(followed);
      type.read(reader);
      expect(reader.position).toBe(bytes.length);
      reader.reset(followed);
      reader.skipValue();
      expect(reader.position).toBe(bytes.length);
    }),
  );
});

test('a value that was cut anywhere is refused', () => {
  fc.assert(
    fc.property(typedValue, fc.nat(), ({ type, bytes }, at) => {
      const cut = bytes.subarray(0, at % bytes.length);
      expect(() => decodeValue(type, cut)).toThrow(SpiderError);
      expect(() => new MsgpackReader(cut).skipValue()).toThrow(SpiderError);
    }),
  );
});

test('a value with any byte changed is read or refused', () => {
  fc.assert(
    fc.property(typedValue, fc.nat(), fc.nat({ max: 255 }), ({ type, bytes }, at, byte) => {
      const changed = bytes.slice();
      changed[at % bytes.length] = byte;
      try {
        decodeValue(type, changed);
      } catch (error) {
        expect(error).toBeInstanceOf(SpiderError);
      }
    }),
    { numRuns: 500 },
  );
});
