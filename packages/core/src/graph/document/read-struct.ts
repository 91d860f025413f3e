import { END, UNKNOWN, type DocumentReader } from './document-reader.ts';

/** The fields of a struct. */
export interface StructFields {
  /** What is read, for errors. */
  readonly what: string;
  /** In the order of declaration, which is that of the compact form. At most 31. */
  readonly names: readonly string[];
  /** Those that must be there. */
  readonly required: FieldSet;
  /** How an unknown field is taken. Defaults to ignoring it. */
  readonly unknown?: 'ignored' | 'refused';
}

/** Some of a struct's fields: the bit at a field's position is set. */
export type FieldSet = number;

/**
 * Reads a struct: a map with the fields' names as keys, or a list of the fields in order, from which
 * the last ones may be missing. Calls `readField` at the value of each field.
 *
 * @throws SpiderError 'invalid-argument' if a field is there twice, or is missing though required, or
 * unknown where that is refused.
 */
export function readStruct(
  reader: DocumentReader,
  fields: StructFields,
  readField: (field: number) => void,
): void {
  const read = reader.isList()
    ? readCompactStruct(reader, fields, readField)
    : readNamedStruct(reader, fields, readField);
  const missing = fields.required & ~read;
  if (missing === 0) return;
  const first = 31 - Math.clz32(missing & -missing);
  throw reader.error(`missing field \`${fields.names[first]}\` of ${fields.what}`);
}

function readNamedStruct(
  reader: DocumentReader,
  fields: StructFields,
  readField: (field: number) => void,
): FieldSet {
  let read = 0;
  reader.enterMap(fields.what);
  for (;;) {
    const field = reader.nextKey(fields.names);
    if (field === END) return read;
    if (field === UNKNOWN) {
      if (fields.unknown === 'refused') {
        throw reader.error(`unknown field \`${reader.lastKey}\` of ${fields.what}`);
      }
      reader.skipValue();
      continue;
    }
    if ((read & (1 << field)) !== 0) {
      throw reader.error(`duplicate field \`${fields.names[field]}\` of ${fields.what}`);
    }
    read |= 1 << field;
    readField(field);
  }
}

function readCompactStruct(
  reader: DocumentReader,
  fields: StructFields,
  readField: (field: number) => void,
): FieldSet {
  let field = 0;
  reader.enterList(fields.what);
  while (reader.nextElement()) {
    if (field === fields.names.length) {
      throw reader.error(`${fields.what} has more than its ${field} fields`);
    }
    readField(field);
    field += 1;
  }
  return (1 << field) - 1;
}
