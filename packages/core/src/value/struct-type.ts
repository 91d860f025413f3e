import { invalidArgument } from '../error.ts';
import { inner } from './composite-types.ts';
import type { MsgpackReader } from './msgpack-reader.ts';
import type { NameOf, NotShared, Type, ValueOf } from './type.ts';
import { describeValue, ValueError, withPath } from './value-error.ts';

type Fields = Readonly<Record<string, Type<unknown>>>;

type OptionalKeys<F extends Fields> = {
  [K in keyof F]: undefined extends ValueOf<F[K]> ? K : never;
}[keyof F];

/** An object with a property for each field; fields of an optional type may be left out. */
export type StructValue<F extends Fields> = Flat<
  {
    readonly [K in Exclude<keyof F, OptionalKeys<F>>]: ValueOf<F[K]>;
  } & {
    readonly [K in OptionalKeys<F>]?: ValueOf<F[K]>;
  }
>;

/** The same properties, spelled out where the compiler speaks of them. */
type Flat<T> = T extends infer O ? { readonly [K in keyof O]: O[K] } : never;

interface Field {
  readonly name: string;
  readonly type: Type<unknown>;
}

type Values = Record<string, unknown>;

/**
 * Named fields. Graphs know it by its name alone, values carry the fields in the order given here:
 * both ends must agree on them.
 *
 * @throws SpiderError 'invalid-argument' if a field's name is no plain identifier.
 */
export function struct<const Name extends string, const F extends Fields>(
  name: Name,
  fields: F & { readonly [K in keyof F]: NotShared<NameOf<F[K]>> },
): Type<StructValue<F>, Name> {
  checkStructName(name);
  const list: Field[] = Object.entries(fields).map(([field, type]) => {
    checkFieldName(name, field);
    inner(type, 'a struct');
    return { name: field, type };
  });
  const index = new Map(list.map((field) => [field.name, field]));
  return {
    descriptor: { shared: false, value: { type: 'struct', name } },
    isOptional: false,
    write(writer, value) {
      if (typeof value !== 'object' || value === null || Array.isArray(value)) {
        throw new ValueError(`expected ${name}, got ${describeValue(value)}`);
      }
      writer.writeArrayHeader(list.length);
      for (const field of list) {
        try {
          field.type.write(writer, (value as Values)[field.name]);
        } catch (error) {
          throw withPath(`.${field.name}`, error);
        }
      }
    },
    read(reader) {
      const value = reader.isMap()
        ? readNamed(reader, name, list, index)
        : readInOrder(reader, name, list);
      return value as StructValue<F>;
    },
  };
}

function readInOrder(reader: MsgpackReader, name: string, fields: readonly Field[]): Values {
  const count = reader.readArrayHeader(name);
  if (count !== fields.length) {
    throw new ValueError(`expected ${name} with ${fields.length} fields, got ${count}`);
  }
  const value: Values = {};
  for (const field of fields) readField(reader, field, value);
  return value;
}

function readNamed(
  reader: MsgpackReader,
  name: string,
  fields: readonly Field[],
  index: ReadonlyMap<string, Field>,
): Values {
  const value: Values = {};
  for (let left = reader.readMapHeader(name); left > 0; left--) {
    const key = reader.readString();
    const field = index.get(key);
    if (field === undefined) {
      reader.skipValue();
      continue;
    }
    if (Object.hasOwn(value, key)) throw new ValueError(`${name} has the field ${key} twice`);
    readField(reader, field, value);
  }
  for (const field of fields) {
    if (Object.hasOwn(value, field.name)) continue;
    if (!field.type.isOptional) throw new ValueError(`${name} lacks the field ${field.name}`);
    value[field.name] = undefined;
  }
  return value;
}

function readField(reader: MsgpackReader, field: Field, value: Values): void {
  try {
    value[field.name] = field.type.read(reader);
  } catch (error) {
    throw withPath(`.${field.name}`, error);
  }
}

function checkStructName(name: string): void {
  if (name === '' || name === 'String' || name.startsWith('Option<')) {
    throw invalidArgument(`a struct cannot be named ${JSON.stringify(name)}: the name is taken`);
  }
}

/** Objects list names that look like numbers first, whatever the order they were given in. */
function checkFieldName(struct: string, field: string): void {
  if (!/^[A-Za-z_$][\w$]*$/.test(field) || field === '__proto__') {
    throw invalidArgument(`struct ${struct}: ${JSON.stringify(field)} is no name for a field`);
  }
}
