import type { ValueType } from '@spider/core';
import { expect, it } from 'vitest';
import { typeOf } from './type-of.ts';
import { valueFromJson } from './value-from-json.ts';

const INT64: ValueType = { type: 'int64' };
const BYTES: ValueType = { type: 'bytes' };

it.each<[ValueType, unknown, unknown]>([
  [INT64, 7, 7n],
  [INT64, '-9223372036854775808', -(2n ** 63n)],
  [BYTES, 'é', Uint8Array.of(0xc3, 0xa9)],
  [BYTES, [1, 2], Uint8Array.of(1, 2)],
  [{ type: 'float64' }, 0.5, 0.5],
  [{ type: 'list', element: INT64 }, [1, '2'], [1n, 2n]],
  [
    { type: 'map', key: { type: 'int8' }, value: BYTES },
    { 3: 'a' },
    new Map([[3, Uint8Array.of(97)]]),
  ],
])('a %j of JSON: %j', (type, json, value) => {
  expect(valueFromJson(json, type)).toEqual(value);
});

it('what can be no int64 is refused', () => {
  for (const json of [0.5, 2 ** 53, 'many', null, true]) {
    expect(() => valueFromJson(json, INT64)).toThrow(/is no int64/);
  }
});

it('a struct is for modules, which know its fields', () => {
  expect(() => typeOf({ type: 'struct', name: 'Point' })).toThrow(
    'Point is a struct, whose fields the graph does not know: submit a module instead',
  );
});
