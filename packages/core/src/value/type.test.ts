import { describe, expect, expectTypeOf, test } from 'vitest';
import { fromHex } from '../wire/testing/hex.ts';
import { list, map, optional, shared } from './composite-types.ts';
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
import type { NameOf, Type, ValueOf } from './type.ts';
import { decodeValue, decodeValues, encodeValue, encodeValues } from './value-frame.ts';

const read = <T>(type: Type<T>, hex: string): T => decodeValue(type, fromHex(hex));
const write = (type: Type<unknown>, value: unknown): Uint8Array => encodeValue(type, value);

describe('reading is lenient', () => {
  test('a float is read from either width and from any integer', () => {
    expect(read(float64, 'ca3fc00000')).toBe(1.5);
    expect(read(float64, '2a')).toBe(42);
    expect(read(float64, 'd1ff7f')).toBe(-129);
    expect(read(float64, 'cfffffffffffffffff')).toBe(2 ** 64);
    expect(read(float32, 'cb3ff8000000000000')).toBe(1.5);
    expect(read(float32, 'cb3fb999999999999a')).toBe(Math.fround(0.1));
    expect(read(float32, 'e0')).toBe(-32);
  });

  test('an integer is read from any form that holds it', () => {
    for (const hex of [
      '2a',
      'cc2a',
      'cd002a',
      'ce0000002a',
      'cf000000000000002a',
      'd02a',
      'd1002a',
    ]) {
      expect(read(int8, hex)).toBe(42);
      expect(read(int64, hex)).toBe(42n);
    }
    expect(read(int32, 'd3ffffffffffffffff')).toBe(-1);
    expect(read(int64, 'd2ffffffff')).toBe(-1n);
  });

  test('text is read from a binary too, and keeps a byte order mark', () => {
    expect(read(string, 'c4026869')).toBe('hi');
    expect(read(string, 'c500026869')).toBe('hi');
    expect(read(string, 'a3efbbbf')).toBe('\ufeff');
  });

  test('bytes are read from an array of integers in any form', () => {
    expect(read(bytes, '93 01 cc02 cd00ff')).toEqual(Uint8Array.of(1, 2, 255));
    expect(read(bytes, 'c5000201ff')).toEqual(Uint8Array.of(1, 255));
  });

  const point = struct('Point', { x: float64, y: optional(float64) });

  test('a struct is read by names too, in any order, whatever else is there', () => {
    expect(read(point, '83 a179 02 a17a 92c081a16101 a178 01')).toEqual({ x: 1, y: 2 });
    expect(read(point, '81 a178 01')).toEqual({ x: 1, y: undefined });
    expect(() => read(point, '81 a179 01')).toThrow('Point lacks the field x');
    expect(() => read(point, '82 a178 01 a178 01')).toThrow('Point has the field x twice');
  });

  test('what follows a value is ignored', () => {
    expect(read(int8, '01c1')).toBe(1);
  });
});

describe('reading refuses', () => {
  test.each<[Type<unknown>, string, string]>([
    [int8, 'cc80', 'expected int8 (-128…127), got 128'],
    [int16, 'd2ffff7fff', 'expected int16 (-32768…32767), got -32769'],
    [int32, 'cfffffffffffffffff', 'got 18446744073709551615'],
    [
      int64,
      'cf8000000000000000',
      'expected int64 (up to 9223372036854775807), got 9223372036854775808',
    ],
    [int32, 'cb3ff0000000000000', 'expected int32, got float'],
    [float64, 'a131', 'expected float64, got string'],
    [float32, 'c3', 'expected float32, got boolean'],
    [boolean, '01', 'expected boolean, got integer'],
    [string, '90', 'expected string, got array'],
    [string, 'a1ff', 'expected string, got bytes that are no UTF-8'],
    [bytes, 'a161', 'expected bytes, got string'],
    [bytes, '92 01 cd0100', 'expected byte (0…255), got 256'],
    [bytes, '92 01 c0', 'expected byte, got nil'],
    [list(int8), '80', 'expected list, got map'],
    [map(int8, int8), '90', 'expected map, got array'],
    [struct('Point', { x: int8 }), '920101', 'expected Point with 1 fields, got 2'],
    [struct('Point', { x: int8 }), '01', 'expected Point, got integer'],
    [optional(int8), 'c1', 'expected int8, got the invalid byte c1'],
    [int8, '', 'expected int8, got nothing'],
    [int32, 'ce0000', 'the value ends too early'],
    [int8, 'd40102', 'expected int8, got extension'],
  ])('%o %s: %s', (type, hex, message) => {
    expect(() => read(type, hex)).toThrow(message);
  });

  test('counts that the bytes cannot fill, before anything is made for them', () => {
    for (const type of [list(int8), bytes] as Type<unknown>[]) {
      expect(() => read(type, 'ddffffffff')).toThrow('of 4294967295, got only 0 bytes');
    }
    expect(() => read(map(int8, int8), 'dfffffffff')).toThrow('of 4294967295, got only 0 bytes');
    expect(() => read(map(int8, int8), '82 01 02 03')).toThrow('of 2, got only 3 bytes');
    expect(() => read(string, 'dbffffffff')).toThrow('of 4294967295, got only 0 bytes');
    expect(() => read(bytes, 'c6ffffffff')).toThrow('of 4294967295, got only 0 bytes');
  });

  test('skipped values that never end, without running out of stack', () => {
    const open = new Uint8Array(100_000).fill(0x91);
    const named = Uint8Array.of(0x81, 0xa1, 0x7a, ...open);
    expect(() => decodeValue(struct('Empty', {}), named)).toThrow('got only 0 bytes');
  });
});

describe('writing refuses', () => {
  test.each<[Type<unknown>, unknown, string]>([
    [int8, 128, 'expected int8 (-128…127), got number 128'],
    [int32, 1.5, 'got number 1.5'],
    [int32, 1n, 'got bigint 1'],
    [int64, 1, 'expected int64 as a bigint, got number 1'],
    [int64, 2n ** 63n, 'got bigint 9223372036854775808'],
    [float64, '1', 'expected float64, got string'],
    [float32, undefined, 'expected float32, got undefined'],
    [boolean, 0, 'expected boolean, got number 0'],
    [string, new Uint8Array(1), 'expected string, got bytes'],
    [string, '\ud800', 'an unpaired surrogate'],
    [bytes, [1], 'expected bytes, got array'],
    [list(int8), new Map(), 'expected list, got map'],
    [map(int8, int8), {}, 'expected map, got object'],
    [struct('Point', { x: int8 }), null, 'expected Point, got null'],
    [struct('Point', { x: int8 }), {}, '.x: expected int8 (-128…127), got undefined'],
  ])('%o %o: %s', (type, value, message) => {
    expect(() => write(type, value)).toThrow(message);
  });
});

test('an error says where in the value it is', () => {
  const shape = struct('Shape', {
    points: list(struct('Point', { x: float64 })),
    names: map(int32, list(string)),
  });
  const shapes = [int8, shape] as const;
  const good = { points: [{ x: 1 }, { x: 2 }], names: new Map([[7, ['a']]]) };
  const bad = { ...good, points: [{ x: 1 }, { x: 'two' as unknown as number }] };
  expect(() => encodeValues(shapes, [1, bad], 'input')).toThrow(
    'input 1.points[1].x: expected float64, got string',
  );
  const badName = { ...good, names: new Map([[7, ['a', 8 as unknown as string]]]) };
  expect(() => encodeValues(shapes, [1, badName], 'output')).toThrow(
    'output 1.names{entry 0}[1]: expected string, got number 8',
  );
  const other = [int8, struct('Shape', { points: list(struct('Point', { x: boolean })) })] as const;
  const frame = encodeValues(other, [1, { points: [{ x: true }] }], 'input');
  expect(() => decodeValues(shapes, frame, 'input')).toThrow(
    'input 1: expected Shape with 2 fields',
  );
  const same = [int8, struct('Shape', { points: list(struct('Point', { x: float64 })) })] as const;
  expect(() => decodeValues(same, frame, 'job input')).toThrow(
    'job input 1.points[0].x: expected float64, got boolean',
  );
  expect(() => decodeValues([int8], frame, 'output')).toThrow('expected 1 outputs, got 2');
  expect(() => encodeValues([int8], [], 'job output')).toThrow('expected 1 job outputs, got 0');
});

test('bytes that were read are a copy, also of a Buffer', () => {
  const source = Buffer.from('c40201ff', 'hex');
  const read = decodeValue(bytes, source);
  source.fill(0);
  expect(read).toEqual(Uint8Array.of(1, 255));
});

test('long texts and collections take longer headers', () => {
  for (const length of [31, 32, 255, 256, 16_384, 16_385, 65_535, 65_536]) {
    const text = 'é'.repeat(length / 2) + 'a'.repeat(length % 2);
    expect(decodeValue(string, write(string, text))).toBe(text);
    const many = Array.from({ length }, (_, i) => i % 100);
    expect(decodeValue(list(int8), write(list(int8), many))).toEqual(many);
    const entries = new Map(many.map((value, i) => [i, value]));
    expect(decodeValue(map(int32, int8), write(map(int32, int8), entries))).toEqual(entries);
  }
});

test('types tell graphs what they are by the reference’s descriptors', () => {
  expect(list(map(bytes, float32)).descriptor).toEqual({
    shared: false,
    value: {
      type: 'list',
      element: { type: 'map', key: { type: 'bytes' }, value: { type: 'float32' } },
    },
  });
  expect(string.descriptor.value).toEqual({ type: 'struct', name: 'String' });
  expect(shared(int8).descriptor).toEqual({ shared: true, value: { type: 'int8' } });
  const nameOf = (type: Type<unknown>): string | undefined =>
    type.descriptor.value.type === 'struct' ? type.descriptor.value.name : undefined;
  expect(nameOf(optional(string))).toBe('Option<String>');
  expect(nameOf(optional(list(map(int64, struct('Point', {})))))).toBe(
    'Option<List<Map<Int64, Point>>>',
  );
});

test('types that no graph could name are refused', () => {
  const sharedInt8: Type<number> = shared(int8);
  expect(() => list(sharedInt8)).toThrow('not for a part of a list');
  expect(() => optional(sharedInt8)).toThrow('not for a part of an optional');
  expect(() => struct('Point', { x: sharedInt8 })).toThrow('not for a part of a struct');
  expect(() => struct('', {})).toThrow('cannot be named ""');
  expect(() => struct('String', {})).toThrow('cannot be named "String"');
  expect(() => struct('Point', { '1': int8 })).toThrow('struct Point: "1" is no name for a field');
  expect(() => struct('Point', { ['__proto__']: int8 })).toThrow('"__proto__" is no name');
  expect(() => map(string as unknown as Type<number>, int8)).toThrow(
    'integer or bytes, not struct',
  );
});

test('TypeScript tells types apart whose values look the same', () => {
  expectTypeOf<NameOf<typeof float64>>().toEqualTypeOf<'float64'>();
  const shapes = shared(map(int32, list(optional(struct('Shape', {})))));
  expectTypeOf<NameOf<typeof shapes>>().toEqualTypeOf<'shared map<int32, list<optional<Shape>>>'>();
  expectTypeOf(int32).not.toExtend<typeof float64>();
  expectTypeOf(int32).toExtend<Type<number>>();
  expectTypeOf<Type<number>>().toExtend<typeof int32>();
});

test('TypeScript knows what values a type has', () => {
  const shape = struct('Shape', {
    x: float64,
    tags: list(string),
    count: optional(int64),
    sizes: map(int32, boolean),
    raw: bytes,
  });
  expectTypeOf<ValueOf<typeof shape>>().branded.toEqualTypeOf<{
    readonly x: number;
    readonly tags: readonly string[];
    readonly count?: bigint | undefined;
    readonly sizes: ReadonlyMap<number, boolean>;
    readonly raw: Uint8Array;
  }>();
  const frame = encodeValues([float64, string], [1, 'a'], 'input');
  expectTypeOf(decodeValues([float64, string] as const, frame, 'input')).toEqualTypeOf<
    readonly [number, string]
  >();
});
