import { invalidArgument } from '../error.ts';
import type { NotShared, Type } from './type.ts';
import type { MapKeyType, ValueType } from './type-descriptor.ts';
import { typeName } from './type-name.ts';
import { describeValue, ValueError, withPath } from './value-error.ts';

/** Any number of values of one type, in order. */
export function list<T, Name extends string>(
  element: Type<T, Name> & NotShared<Name>,
): Type<readonly T[], `list<${Name}>`> {
  return {
    descriptor: { shared: false, value: { type: 'list', element: inner(element, 'a list') } },
    isOptional: false,
    write(writer, values) {
      if (!Array.isArray(values)) {
        throw new ValueError(`expected list, got ${describeValue(values)}`);
      }
      writer.writeArrayHeader(values.length);
      let index = 0;
      try {
        for (; index < values.length; index++) element.write(writer, values[index] as T);
      } catch (error) {
        throw withPath(`[${index}]`, error);
      }
    },
    read(reader) {
      const count = reader.readArrayHeader('list');
      const values: T[] = [];
      try {
        while (values.length < count) values.push(element.read(reader));
      } catch (error) {
        throw withPath(`[${values.length}]`, error);
      }
      return values;
    },
  };
}

/** Values by key; a key is an integer or bytes. Of two equal keys the last one counts. */
export function map<
  K extends number | bigint | Uint8Array,
  V,
  KeyName extends MapKeyType['type'],
  Name extends string,
>(
  key: Type<K, KeyName>,
  value: Type<V, Name> & NotShared<Name>,
): Type<ReadonlyMap<K, V>, `map<${KeyName}, ${Name}>`> {
  return {
    descriptor: {
      shared: false,
      value: { type: 'map', key: keyType(key), value: inner(value, 'a map') },
    },
    isOptional: false,
    write(writer, entries) {
      if (!(entries instanceof Map)) {
        throw new ValueError(`expected map, got ${describeValue(entries)}`);
      }
      writer.writeMapHeader(entries.size);
      let index = 0;
      try {
        for (const [k, v] of entries as ReadonlyMap<K, V>) {
          key.write(writer, k);
          value.write(writer, v);
          index += 1;
        }
      } catch (error) {
        throw withPath(`{entry ${index}}`, error);
      }
    },
    read(reader) {
      const count = reader.readMapHeader();
      const entries = new Map<K, V>();
      let index = 0;
      try {
        for (; index < count; index++) {
          const k = key.read(reader);
          entries.set(k, value.read(reader));
        }
      } catch (error) {
        throw withPath(`{entry ${index}}`, error);
      }
      return entries;
    },
  };
}

/** A value that may be absent. Options do not nest: an absent option is absent. */
export function optional<T, Name extends string>(
  type: Type<T, Name> & NotShared<Name>,
): Type<T | undefined, `optional<${Name}>`> {
  const name = `Option<${typeName(inner(type, 'an optional'))}>`;
  return {
    descriptor: { shared: false, value: { type: 'struct', name } },
    isOptional: true,
    write(writer, value) {
      if (value === undefined) writer.writeNil();
      else type.write(writer, value);
    },
    read(reader) {
      if (!reader.isNil()) return type.read(reader);
      reader.readNil();
      return undefined;
    },
  };
}

/**
 * The same values under a type of its own: a shared output may only feed a shared input. It stands
 * for a whole input or output, never for a part of one.
 */
export function shared<T, Name extends string>(
  type: Type<T, Name> & NotShared<Name>,
): Type<T, `shared ${Name}`> {
  return {
    descriptor: { shared: true, value: type.descriptor.value },
    isOptional: type.isOptional,
    write: (writer, value) => type.write(writer, value),
    read: (reader) => type.read(reader),
  };
}

/** The type as part of another one. */
export function inner(type: Type<unknown>, holder: string): ValueType {
  if (type.descriptor.shared) {
    throw invalidArgument(
      `a shared type stands for a whole input or output, not for a part of ${holder}`,
    );
  }
  return type.descriptor.value;
}

function keyType(key: Type<unknown>): MapKeyType {
  const { type } = inner(key, 'a map');
  switch (type) {
    case 'int8':
    case 'int16':
    case 'int32':
    case 'int64':
    case 'bytes':
      return { type };
    default:
      throw invalidArgument(`a map's key must be an integer or bytes, not ${type}`);
  }
}
