import { expect, test } from 'vitest';
import { LIMITS } from '../limits.ts';
import type { TypeDescriptor, ValueType } from './type-descriptor.ts';
import { formatType, typeEquals, validateTypeDescriptor } from './type-equality.ts';
import { TypeTable } from './type-table.ts';

const plain = (value: ValueType): TypeDescriptor => ({ shared: false, value });
const struct = (name: string): ValueType => ({ type: 'struct', name });
const list = (element: ValueType): ValueType => ({ type: 'list', element });
const map = (key: 'int8' | 'bytes', value: ValueType): ValueType => ({
  type: 'map',
  key: { type: key },
  value,
});

/** All different. */
const TYPES: TypeDescriptor[] = [
  plain({ type: 'int8' }),
  { shared: true, value: { type: 'int8' } },
  plain({ type: 'int64' }),
  plain({ type: 'bytes' }),
  plain(struct('int8')),
  plain(struct('a">, struct "b')),
  plain(list({ type: 'int8' })),
  plain(list(struct('a'))),
  plain(list(list({ type: 'int8' }))),
  plain(map('int8', struct('a'))),
  plain(map('bytes', struct('a'))),
  plain(map('bytes', struct('b'))),
  plain(map('bytes', list({ type: 'int8' }))),
];

test('types are equal to their copies and to no other, and so are their texts', () => {
  for (const [i, a] of TYPES.entries()) {
    for (const [j, b] of TYPES.entries()) {
      expect(typeEquals(a, structuredClone(b)), `${formatType(a)} and ${formatType(b)}`).toBe(
        i === j,
      );
      expect(formatType(a) === formatType(b)).toBe(i === j);
    }
  }
});

test('a type is written for people', () => {
  expect(formatType({ shared: true, value: map('bytes', list(struct('Point'))) })).toBe(
    'shared map<bytes, list<struct "Point">>',
  );
});

test('a table numbers types, equal ones alike', () => {
  const table = new TypeTable();
  expect(TYPES.map((type) => table.intern(type))).toEqual([...TYPES.keys()]);
  expect(TYPES.map((type) => table.intern(structuredClone(type)))).toEqual([...TYPES.keys()]);
  expect(table.types).toEqual(TYPES);
});

test('a type may be nested as deep as the limit, and no deeper', () => {
  let value: ValueType = { type: 'int8' };
  for (let depth = 1; depth < LIMITS.typeDepth; depth++) value = list(value);
  expect(() => validateTypeDescriptor(plain(value))).not.toThrow();
  expect(() => validateTypeDescriptor(plain(map('int8', value)))).toThrow('deeper than 64 levels');
});

test('a struct has a name of bounded length', () => {
  expect(() => validateTypeDescriptor(plain(list(struct(''))))).toThrow('empty name');
  expect(() => validateTypeDescriptor(plain(struct('\ud800')))).toThrow('not Unicode text');
  expect(() => validateTypeDescriptor(plain(struct('x'.repeat(4097))))).toThrow('4097 bytes');
  expect(() => validateTypeDescriptor(plain(struct('x'.repeat(4096))))).not.toThrow();
});

test('what is no type at all is refused', () => {
  const wrong = { shared: false, value: { type: 'text' } } as unknown as TypeDescriptor;
  expect(() => validateTypeDescriptor(wrong)).toThrow('{"type":"text"} is not a type');
});
