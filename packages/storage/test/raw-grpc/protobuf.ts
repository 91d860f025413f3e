/** A protobuf field by its number; a number is a varint, all else has a length before it. */
export type Field = readonly [field: number, value: bigint | number | string | Uint8Array];

/** The fields of a message, by number, each as often as it came. */
export type Message = ReadonlyMap<number, readonly (bigint | Buffer)[]>;

/** Encodes a message field by field, as it is given: zeros are written, too. */
export function message(...fields: readonly Field[]): Buffer {
  const parts: Uint8Array[] = [];
  for (const [field, value] of fields) {
    if (typeof value === 'number' || typeof value === 'bigint') {
      parts.push(varint(field << 3), varint(value));
    } else {
      const bytes = Buffer.from(value);
      parts.push(varint((field << 3) | 2), varint(bytes.length), bytes);
    }
  }
  return Buffer.concat(parts);
}

/** Takes a message apart. It may have nothing but varints and fields with a length. */
export function parseMessage(bytes: Uint8Array): Message {
  const fields = new Map<number, (bigint | Buffer)[]>();
  const reader = { bytes, at: 0 };
  while (reader.at < bytes.length) {
    const tag = Number(readVarint(reader));
    const values = fields.get(tag >>> 3) ?? [];
    fields.set(tag >>> 3, values);
    if ((tag & 7) === 0) values.push(readVarint(reader));
    else if ((tag & 7) === 2) values.push(readBytes(reader));
    else throw new Error(`field ${tag >>> 3} has the wire type ${tag & 7}`);
  }
  return fields;
}

/** The one varint of this number; 0 if there is none. */
export function uint(fields: Message, field: number): bigint {
  const [value = 0n, ...more] = fields.get(field) ?? [];
  if (typeof value !== 'bigint' || more.length > 0) throw new Error(`field ${field} is no uint64`);
  return value;
}

/** The one value with a length of this number; undefined if there is none. */
export function bytes(fields: Message, field: number): Buffer | undefined {
  const [value, ...more] = fields.get(field) ?? [];
  if (typeof value === 'bigint' || more.length > 0) throw new Error(`field ${field} is no bytes`);
  return value;
}

/** The one message of this number. */
export function submessage(fields: Message, field: number): Message {
  const value = bytes(fields, field);
  if (value === undefined) throw new Error(`field ${field} is missing`);
  return parseMessage(value);
}

interface Reader {
  readonly bytes: Uint8Array;
  at: number;
}

function varint(value: bigint | number): Buffer {
  const bytes: number[] = [];
  let rest = BigInt(value);
  for (; rest > 0x7fn; rest >>= 7n) bytes.push(Number(rest & 0x7fn) | 0x80);
  bytes.push(Number(rest));
  return Buffer.from(bytes);
}

function readVarint(reader: Reader): bigint {
  let value = 0n;
  for (let shift = 0n; ; shift += 7n) {
    const byte = reader.bytes[reader.at++];
    if (byte === undefined) throw new Error('the message ends within a varint');
    value |= BigInt(byte & 0x7f) << shift;
    if (byte < 0x80) return value;
  }
}

function readBytes(reader: Reader): Buffer {
  const length = Number(readVarint(reader));
  const start = reader.at;
  reader.at += length;
  if (reader.at > reader.bytes.length) throw new Error('the message ends within a field');
  return Buffer.from(reader.bytes.subarray(start, reader.at));
}
