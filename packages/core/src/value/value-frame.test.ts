import { describe, expect, expectTypeOf, test } from 'vitest';
import { toHex } from '../wire/testing/hex.ts';
import { list, map, optional } from './composite-types.ts';
import { boolean, bytes, float64, int32, int64, string } from './scalar-types.ts';
import { struct } from './struct-type.ts';
import { decodeValues, encodeValues } from './value-frame.ts';

const point = struct('Point', { x: float64, y: float64 });
const shape = struct('Shape', { corners: list(point), label: optional(string) });

describe('the inputs of a task', () => {
  test('of several types come back as they were, each typed', () => {
    const types = [int64, string, boolean] as const;
    const frame = encodeValues(types, [-1n, 'text', true], 'input');
    const values = decodeValues(types, frame, 'input');
    expectTypeOf(values).toEqualTypeOf<readonly [bigint, string, boolean]>();
    expect(values).toEqual([-1n, 'text', true]);
  });

  test('may be none at all', () => {
    const frame = encodeValues([], [], 'input');
    expect(toHex(frame)).toBe('00000000');
    expect(decodeValues([], frame, 'input')).toEqual([]);
  });

  test('may be structs that hold structs', () => {
    const value = { corners: [{ x: 1, y: 2 }], label: undefined };
    const frame = encodeValues([shape], [value], 'input');
    expect(decodeValues([shape], frame, 'input')).toEqual([value]);
  });

  test('are refused when their number is another', () => {
    const frame = encodeValues([int32, int32], [1, 2], 'input');
    expect(() => decodeValues([int32], frame, 'input')).toThrow('expected 1 inputs, got 2');
    expect(() => decodeValues([int32, int32, int32], frame, 'input')).toThrow(
      'expected 3 inputs, got 2',
    );
  });

  test('are refused with the position of the one that is of another type', () => {
    const frame = encodeValues([int32, string], [1, 'two'], 'input');
    expect(() => decodeValues([int32, float64], frame, 'input')).toThrow(
      'input 1: expected float64, got string',
    );
  });

  test('are refused when the frame ends in its header, or in a value', () => {
    const frame = encodeValues([string], ['text'], 'input');
    expect(() => decodeValues([string], frame.subarray(0, 3), 'input')).toThrow(
      'at least 4 bytes, this one has 3',
    );
    expect(() => decodeValues([string], frame.subarray(0, -1), 'input')).toThrow(
      'ends inside one of its payloads',
    );
  });
});

describe('the outputs of a task', () => {
  test('are a payload each, however many', () => {
    expect(toHex(encodeValues([], [], 'output'))).toBe('00000000');
    expect(toHex(encodeValues([int32], [42], 'output'))).toBe('01000000010000002a');
    expect(toHex(encodeValues([int32, boolean], [42, true], 'output'))).toBe(
      '02000000010000002a01000000c3',
    );
  });

  test('are refused when the frame was cut', () => {
    const frame = encodeValues([int32, int32], [1, 2], 'output');
    expect(() => decodeValues([int32, int32], frame.subarray(0, 9), 'output')).toThrow(
      'a wire frame of 9 bytes cannot hold 2 payloads',
    );
  });
});

const compound = map(
  int32,
  list(struct('Entry', { key: bytes, points: list(point), byName: map(bytes, int64) })),
);

test.each([
  [
    'maps of lists of structs',
    new Map([
      [
        -7,
        [
          {
            key: Uint8Array.of(0, 127, 128, 255),
            points: [
              { x: 0.1, y: -0 },
              { x: Number.NaN, y: Infinity },
            ],
            byName: new Map([[Uint8Array.of(1), 2n ** 62n]]),
          },
        ],
      ],
    ]),
  ],
  [
    'what holds nothing',
    new Map([
      [0, []],
      [1, [{ key: new Uint8Array(0), points: [], byName: new Map<Uint8Array, bigint>() }]],
    ]),
  ],
  ['nothing', new Map<number, []>()],
])('%s come back as inputs and as outputs', (_what, value) => {
  for (const slotName of ['input', 'output'] as const) {
    const frame = encodeValues([compound, string], [value, 'behind it'], slotName);
    expect(decodeValues([compound, string], frame, slotName)).toEqual([value, 'behind it']);
  }
});
