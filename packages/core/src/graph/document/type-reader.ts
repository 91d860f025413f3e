import { assert } from '../../assert.ts';
import type { SpiderError } from '../../error.ts';
import { LIMITS } from '../../limits.ts';
import type { MapKeyType, TypeDescriptor, ValueType } from '../../value/type-descriptor.ts';
import type { DocumentReader } from './document-reader.ts';
import { readStruct } from './read-struct.ts';
import { enterVariant, leaveVariant, readUnitVariant } from './read-variant.ts';
import {
  BYTES_TYPE,
  DATA_TYPES,
  FLOAT_TYPES,
  INT_TYPES,
  KEY_TYPES,
  MAP_TYPE,
  PRIMITIVE_TYPES,
  VALUE_TYPES,
} from './task-graph-schema.ts';

/** Value types that hold no other, by their number. The first five can be keys of a map. */
const LEAVES = [
  'int8',
  'int16',
  'int32',
  'int64',
  'bytes',
  'float32',
  'float64',
  'boolean',
] as const satisfies readonly ValueType['type'][];

const FIRST_FLOAT = LEAVES.indexOf('float32');
const BYTES = LEAVES.indexOf('bytes');
const BOOLEAN = LEAVES.indexOf('boolean');

/** What makes a type out of another one: list, or map with the key of this number. */
const LIST = 5;
const WRAPPERS = 6;

/** With the types that others are made of; few are made of more than a handful. */
const VALUE_TYPES_MAX = 8 * LIMITS.typesPerJob;

/**
 * Reads types of inputs and outputs. Equal ones get the same number and the same descriptor, and
 * reading one that was there before makes no object.
 */
export class TypeReader {
  readonly #reader: DocumentReader;
  readonly #values: ValueType[] = LEAVES.map((type) => ({ type }));
  readonly #types: TypeDescriptor[] = [];
  readonly #structs = new Map<string, number>();
  readonly #wrapped = new Map<number, number>();
  readonly #numbers = new Map<number, number>();

  constructor(reader: DocumentReader) {
    this.#reader = reader;
  }

  /** Answers the number of the type. */
  readType(): number {
    const shared = enterVariant(this.#reader, DATA_TYPES, 'a type');
    const value = this.#readValueType(1);
    leaveVariant(this.#reader, 'a type');
    const known = this.#numbers.get(value * 2 + shared);
    if (known !== undefined) return known;
    if (this.#types.length === LIMITS.typesPerJob) throw this.#tooMany(LIMITS.typesPerJob);
    const number = this.#types.push({ shared: shared === 1, value: this.#value(value) }) - 1;
    this.#numbers.set(value * 2 + shared, number);
    return number;
  }

  /** The type with a number that `readType` answered. */
  type(number: number): TypeDescriptor {
    const type = this.#types[number];
    assert(type !== undefined, `no type has the number ${number}`);
    return type;
  }

  #readValueType(depth: number): number {
    const reader = this.#reader;
    if (depth > LIMITS.typeDepth) {
      throw reader.error(`the type is nested deeper than ${LIMITS.typeDepth} levels`);
    }
    const variant = VALUE_TYPES[enterVariant(reader, VALUE_TYPES, 'a value type')];
    const value = this.#readVariant(variant, depth);
    leaveVariant(reader, 'a value type');
    return value;
  }

  #readVariant(variant: (typeof VALUE_TYPES)[number] | undefined, depth: number): number {
    switch (variant) {
      case 'Primitive':
        return this.#readPrimitive();
      case 'Bytes':
        return this.#readBytes();
      case 'Struct':
        return this.#readStruct();
      case 'List':
        return this.#wrap(this.#readValueType(depth + 1), LIST);
      case 'Map':
        return this.#readMap(depth);
      default:
        throw this.#reader.error(`${variant satisfies undefined} is no value type`);
    }
  }

  #readPrimitive(): number {
    const reader = this.#reader;
    if (reader.isText()) {
      reader.readSymbol(['Boolean'], 'a primitive type');
      return BOOLEAN;
    }
    const variant = PRIMITIVE_TYPES[enterVariant(reader, PRIMITIVE_TYPES, 'a primitive type')];
    let type = BOOLEAN;
    if (variant === 'Int') type = this.#readInt();
    else if (variant === 'Float') {
      type = FIRST_FLOAT + readUnitVariant(reader, FLOAT_TYPES, 'a float type');
    } else if (!reader.takeNull()) throw reader.error('expected null, for Boolean holds nothing');
    leaveVariant(reader, 'a primitive type');
    return type;
  }

  #readInt(): number {
    return readUnitVariant(this.#reader, INT_TYPES, 'an integer type');
  }

  #readBytes(): number {
    readStruct(this.#reader, BYTES_TYPE, () => {});
    return BYTES;
  }

  #readStruct(): number {
    const name = this.#reader.readText('a struct name', LIMITS.structNameBytes);
    if (name === '') throw this.#reader.error('a struct type has an empty name');
    const known = this.#structs.get(name);
    if (known !== undefined) return known;
    const number = this.#addValue({ type: 'struct', name });
    this.#structs.set(name, number);
    return number;
  }

  #readMap(depth: number): number {
    let key = 0;
    let value = 0;
    readStruct(this.#reader, MAP_TYPE, (field) => {
      if (field === 0) key = this.#readKeyType();
      else value = this.#readValueType(depth + 1);
    });
    return this.#wrap(value, key);
  }

  #readKeyType(): number {
    const variant = KEY_TYPES[enterVariant(this.#reader, KEY_TYPES, 'a key type')];
    const key = variant === 'Int' ? this.#readInt() : this.#readBytes();
    leaveVariant(this.#reader, 'a key type');
    return key;
  }

  #wrap(inner: number, wrapper: number): number {
    const known = this.#wrapped.get(inner * WRAPPERS + wrapper);
    if (known !== undefined) return known;
    const value = this.#value(inner);
    const wrapped: ValueType =
      wrapper === LIST
        ? { type: 'list', element: value }
        : { type: 'map', key: this.#value(wrapper) as MapKeyType, value };
    const number = this.#addValue(wrapped);
    this.#wrapped.set(inner * WRAPPERS + wrapper, number);
    return number;
  }

  #addValue(value: ValueType): number {
    if (this.#values.length === VALUE_TYPES_MAX) throw this.#tooMany(VALUE_TYPES_MAX);
    return this.#values.push(value) - 1;
  }

  #tooMany(limit: number): SpiderError {
    return this.#reader.error(`the graph has more than ${limit} different types`);
  }

  #value(number: number): ValueType {
    const value = this.#values[number];
    assert(value !== undefined, `no value type has the number ${number}`);
    return value;
  }
}
