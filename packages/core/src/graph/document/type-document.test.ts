import { describe, expect, test } from 'vitest';
import type {
  IntName,
  MapKeyType,
  TypeDescriptor,
  ValueType,
} from '../../value/type-descriptor.ts';
import { fromHex, toHex } from '../../wire/testing/hex.ts';
import { JsonReader } from '../json/json-reader.ts';
import { JsonWriter } from '../json/json-writer.ts';
import { MsgpackDocumentReader } from '../msgpack/msgpack-document-reader.ts';
import { MsgpackDocumentWriter } from '../msgpack/msgpack-document-writer.ts';
import type { DocumentReader } from './document-reader.ts';
import { TypeReader } from './type-reader.ts';
import { writeType } from './write-type.ts';

/** Structs as arrays, as the reference's serializer writes them unless told otherwise. */
class CompactMsgpackWriter extends MsgpackDocumentWriter {
  override beginStruct(fieldCount: number): void {
    this.beginList(fieldCount);
  }

  override writeKey(): void {}
}

const FORMATS = {
  JSON: { writer: () => new JsonWriter(), reader: (bytes: Uint8Array) => new JsonReader(bytes) },
  'named MessagePack': {
    writer: () => new MsgpackDocumentWriter(),
    reader: (bytes: Uint8Array) => new MsgpackDocumentReader(bytes),
  },
  'compact MessagePack': {
    writer: () => new CompactMsgpackWriter(),
    reader: (bytes: Uint8Array) => new MsgpackDocumentReader(bytes),
  },
};

type Format = keyof typeof FORMATS;

function write(type: TypeDescriptor, format: Format): Uint8Array {
  const writer = FORMATS[format].writer();
  writeType(writer, type);
  return writer.toBytes();
}

function read(reader: DocumentReader): TypeDescriptor {
  const types = new TypeReader(reader);
  const type = types.type(types.readType());
  reader.expectEnd();
  return type;
}

const readJson = (text: string): TypeDescriptor =>
  read(new JsonReader(new TextEncoder().encode(text)));

const INTS: readonly IntName[] = ['int8', 'int16', 'int32', 'int64'];
const SCALARS: readonly ValueType[] = [
  ...INTS.map((type) => ({ type })),
  { type: 'float32' },
  { type: 'float64' },
  { type: 'boolean' },
];
const BYTES: ValueType = { type: 'bytes' };
const POINT: ValueType = { type: 'struct', name: 'Point' };
const KEYS: readonly MapKeyType[] = [...INTS.map((type) => ({ type })), { type: 'bytes' }];

const list = (element: ValueType): ValueType => ({ type: 'list', element });
const map = (key: MapKeyType, value: ValueType): ValueType => ({ type: 'map', key, value });
const nest = (levels: number, wrap: (inner: ValueType) => ValueType): ValueType =>
  Array.from({ length: levels }).reduce<ValueType>(wrap, { type: 'int8' });

const CASES: Readonly<Record<string, readonly ValueType[]>> = {
  'every int width': SCALARS.slice(0, 4),
  'every float width': SCALARS.slice(4, 6),
  boolean: SCALARS.slice(6),
  bytes: [BYTES],
  structs: [POINT, { type: 'struct', name: 'geometry::Größe<"a", \\>\u0001' }],
  'lists of each primitive': SCALARS.map(list),
  'a list of bytes': [list(BYTES)],
  'a list of structs': [list(POINT)],
  'a list of lists': [list(list({ type: 'float64' }))],
  'a list as deep as may be': [nest(63, list)],
  'maps with every key': KEYS.map((key) => map(key, { type: 'boolean' })),
  'maps of every kind of value': [...SCALARS, BYTES, POINT, list(BYTES)].map((value) =>
    map({ type: 'bytes' }, value),
  ),
  'a map of maps': [map({ type: 'int8' }, map({ type: 'int64' }, map({ type: 'bytes' }, POINT)))],
  'maps of lists of structs, and lists of those': [
    map({ type: 'int32' }, list(POINT)),
    list(map({ type: 'bytes' }, list(list(map({ type: 'int16' }, POINT))))),
  ],
};

describe.each(Object.keys(FORMATS) as Format[])('in %s', (format) => {
  test.each(Object.entries(CASES))('%s survive, by value and shared', (_name, values) => {
    for (const value of values) {
      for (const shared of [false, true]) {
        const type = { shared, value };
        expect(read(FORMATS[format].reader(write(type, format)))).toEqual(type);
      }
    }
  });

  test('a struct without a name is refused', () => {
    const bytes = write({ shared: false, value: list({ type: 'struct', name: '' }) }, format);
    expect(() => read(FORMATS[format].reader(bytes))).toThrow('a struct type has an empty name');
  });

  test('a type that is too deep is refused', () => {
    const bytes = write({ shared: false, value: nest(64, list) }, format);
    expect(() => read(FORMATS[format].reader(bytes))).toThrow('deeper than 64 levels');
  });

  test('a struct name that is too long is refused', () => {
    const name = 'n'.repeat(4_097);
    const bytes = write({ shared: false, value: { type: 'struct', name } }, format);
    expect(() => read(FORMATS[format].reader(bytes))).toThrow('more than 4096 bytes');
  });
});

test('the JSON of each type is the reference’s', () => {
  const text = (value: ValueType, shared = false): string =>
    Buffer.from(write({ shared, value }, 'JSON')).toString();
  expect(text({ type: 'int8' })).toBe('{"Value":{"Primitive":{"Int":"Int8"}}}');
  expect(text({ type: 'int16' })).toBe('{"Value":{"Primitive":{"Int":"Int16"}}}');
  expect(text({ type: 'int32' })).toBe('{"Value":{"Primitive":{"Int":"Int32"}}}');
  expect(text({ type: 'int64' })).toBe('{"Value":{"Primitive":{"Int":"Int64"}}}');
  expect(text({ type: 'float32' })).toBe('{"Value":{"Primitive":{"Float":"Float32"}}}');
  expect(text({ type: 'float64' })).toBe('{"Value":{"Primitive":{"Float":"Float64"}}}');
  expect(text({ type: 'boolean' })).toBe('{"Value":{"Primitive":"Boolean"}}');
  expect(text(BYTES, true)).toBe('{"SharedValue":{"Bytes":{}}}');
  expect(text(POINT)).toBe('{"Value":{"Struct":"Point"}}');
  expect(text(list(BYTES))).toBe('{"Value":{"List":{"Bytes":{}}}}');
  expect(text(map({ type: 'int32' }, POINT), true)).toBe(
    '{"SharedValue":{"Map":{"key":{"Int":"Int32"},"value":{"Struct":"Point"}}}}',
  );
  expect(text(map({ type: 'bytes' }, BYTES))).toBe(
    '{"Value":{"Map":{"key":{"Bytes":{}},"value":{"Bytes":{}}}}}',
  );
  expect(text({ type: 'struct', name: 'é"\\\n\u001f\u007f\u2028' })).toBe(
    '{"Value":{"Struct":"é\\"\\\\\\n\\u001f\u007f\u2028"}}',
  );
});

test('the MessagePack of a type has named or listed fields', () => {
  const type: TypeDescriptor = {
    shared: false,
    value: map({ type: 'bytes' }, { type: 'boolean' }),
  };
  const text = (name: string): string => `a${name.length}${Buffer.from(name).toString('hex')}`;
  const [Value, Map, key, Bytes, value, Primitive, Boolean] =
    'Value Map key Bytes value Primitive Boolean'.split(' ').map(text);
  expect(toHex(write(type, 'named MessagePack'))).toBe(
    `81${Value}81${Map}82${key}81${Bytes}80${value}81${Primitive}${Boolean}`,
  );
  expect(toHex(write(type, 'compact MessagePack'))).toBe(
    `81${Value}81${Map}9281${Bytes}9081${Primitive}${Boolean}`,
  );
  const unitAsMap = `81${Value}81${Primitive}81${Boolean}c0`;
  expect(read(new MsgpackDocumentReader(fromHex(unitAsMap))).value).toEqual({ type: 'boolean' });
});

describe('JSON is read as the reference reads it', () => {
  test.each([
    ['{"Value":{"Primitive":{"Boolean":null}}}', { type: 'boolean' }],
    ['{"Value":{"Primitive":{"Int":{"Int8":null}}}}', { type: 'int8' }],
    ['{"Value":{"Bytes":{"of":"no interest"}}}', BYTES],
    ['{"Value":{"Bytes":[]}}', BYTES],
    [
      '{"Value":{"Map":{"value":{"Bytes":{}},"x":[{}],"key":{"Bytes":{}}}}}',
      map({ type: 'bytes' }, BYTES),
    ],
    ['{"Value":{"Map":[{"Int":"Int8"},{"Bytes":{}}]}}', map({ type: 'int8' }, BYTES)],
    ['{"\\u0056alue":{"Struct":"\\u0050oint"}}', POINT],
  ] as const)('%s', (text, value) => {
    expect(readJson(text)).toEqual({ shared: false, value });
  });

  test.each([
    ['"Value"', 'expected a type, an object, got a string'],
    ['{}', 'expected a type, got an empty map'],
    ['{"Val":1}', 'expected a type (Value, SharedValue), got `Val`'],
    ['{"Value":{"Bytes":{}},"Value":{"Bytes":{}}}', 'got a map of more than one entry'],
    ['{"Value":{"Text":{}}}', 'expected a value type (Primitive, Bytes, Struct, List, Map)'],
    ['{"Value":{"Primitive":"Int"}}', 'expected a primitive type (Boolean), got `Int`'],
    ['{"Value":{"Primitive":{"Boolean":true}}}', 'expected null'],
    ['{"Value":{"Primitive":{"Int":"Int128"}}}', 'expected an integer type'],
    ['{"Value":{"Primitive":{"Int":{"Int8":1}}}}', 'expected null'],
    ['{"Value":{"Primitive":{"Float":"Int8"}}}', 'expected a float type'],
    ['{"Value":{"Bytes":null}}', 'expected the bytes type, an object, got null'],
    ['{"Value":{"Bytes":[1]}}', 'the bytes type has more than its 0 fields'],
    ['{"Value":{"Struct":{"name":"Point"}}}', 'expected a struct name, got an object'],
    ['{"Value":{"Map":{"key":{"Bytes":{}}}}}', 'missing field `value` of a map type'],
    ['{"Value":{"Map":{"value":{"Bytes":{}}}}}', 'missing field `key` of a map type'],
    ['{"Value":{"Map":{"key":{"Float":"Float32"},"value":1}}}', 'expected a key type (Int, Bytes)'],
    ['{"Value":{"Map":{"key":{"Bytes":{}},"key":{"Bytes":{}}}}}', 'duplicate field `key`'],
  ])('and refused: %s', (text, message) => {
    expect(() => readJson(text)).toThrow(message);
  });
});

test('equal types are one descriptor', () => {
  const text = '[{"Value":{"List":{"Struct":"P"}}},{"Value":{"List":{"Struct":"P"}}}]';
  const reader = new JsonReader(new TextEncoder().encode(text));
  const types = new TypeReader(reader);
  reader.enterList('types');
  reader.nextElement();
  const first = types.readType();
  reader.nextElement();
  expect(types.readType()).toBe(first);
});

describe('types are bounded in number', () => {
  const readAll = (count: number, type: (number: number) => string): (() => void) => {
    const texts = Array.from({ length: count }, (_, number) => type(number));
    const reader = new JsonReader(new TextEncoder().encode(`[${texts.join()}]`));
    const types = new TypeReader(reader);
    return () => {
      reader.enterList('types');
      while (reader.nextElement()) types.readType();
    };
  };

  test('of inputs and outputs', () => {
    const type = (number: number): string => `{"Value":{"Struct":"S${number}"}}`;
    expect(readAll(65_536, type)).not.toThrow();
    expect(readAll(65_537, type)).toThrow('the graph has more than 65536 different types');
  });

  test('and those that others are made of', () => {
    const type = (number: number): string =>
      `{"Value":${'{"List":'.repeat(60)}{"Struct":"S${number}"}${'}'.repeat(61)}`;
    expect(readAll(8_595, type)).toThrow('the graph has more than 524288 different types');
  });
});
