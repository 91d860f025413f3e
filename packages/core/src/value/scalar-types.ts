import type { Type } from './type.ts';
import type { TypeDescriptor, ValueType } from './type-descriptor.ts';
import { describeValue, ValueError } from './value-error.ts';

export const int8: Type<number, 'int8'> = intType('int8', -0x80, 0x7f);
export const int16: Type<number, 'int16'> = intType('int16', -0x8000, 0x7fff);
export const int32: Type<number, 'int32'> = intType('int32', -0x8000_0000, 0x7fff_ffff);

const INT64_MIN = -0x8000_0000_0000_0000n;
const INT64_MAX = 0x7fff_ffff_ffff_ffffn;

/** A bigint, so that no value loses digits. */
export const int64: Type<bigint, 'int64'> = {
  descriptor: descriptorOf({ type: 'int64' }),
  isOptional: false,
  write(writer, value) {
    if (typeof value !== 'bigint' || value < INT64_MIN || value > INT64_MAX) {
      throw new ValueError(`expected int64 as a bigint, got ${describeValue(value)}`);
    }
    writer.writeBigInt(value);
  },
  read: (reader) => reader.readInt64(),
};

/** Writing rounds to the nearest 32-bit float. */
export const float32: Type<number, 'float32'> = {
  descriptor: descriptorOf({ type: 'float32' }),
  isOptional: false,
  write(writer, value) {
    if (typeof value !== 'number') mismatch('float32', value);
    writer.writeFloat32(value);
  },
  read: (reader) => reader.readFloat32(),
};

export const float64: Type<number, 'float64'> = {
  descriptor: descriptorOf({ type: 'float64' }),
  isOptional: false,
  write(writer, value) {
    if (typeof value !== 'number') mismatch('float64', value);
    writer.writeFloat64(value);
  },
  read: (reader) => reader.readFloat64(),
};

export const boolean: Type<boolean, 'boolean'> = {
  descriptor: descriptorOf({ type: 'boolean' }),
  isOptional: false,
  write(writer, value) {
    if (typeof value !== 'boolean') mismatch('boolean', value);
    writer.writeBoolean(value);
  },
  read: (reader) => reader.readBoolean(),
};

export const bytes: Type<Uint8Array, 'bytes'> = {
  descriptor: descriptorOf({ type: 'bytes' }),
  isOptional: false,
  write(writer, value) {
    if (!(value instanceof Uint8Array)) mismatch('bytes', value);
    writer.writeByteArray(value);
  },
  read: (reader) => reader.readBytes(),
};

/** Task graphs have no type for text; by convention it is a struct named `String`. */
export const string: Type<string, 'string'> = {
  descriptor: descriptorOf({ type: 'struct', name: 'String' }),
  isOptional: false,
  write(writer, value) {
    if (typeof value !== 'string') mismatch('string', value);
    writer.writeString(value);
  },
  read: (reader) => reader.readString(),
};

function intType<const Name extends 'int8' | 'int16' | 'int32'>(
  name: Name,
  min: number,
  max: number,
): Type<number, Name> {
  return {
    descriptor: descriptorOf({ type: name }),
    isOptional: false,
    write(writer, value) {
      if (!Number.isInteger(value) || value < min || value > max) {
        throw new ValueError(`expected ${name} (${min}…${max}), got ${describeValue(value)}`);
      }
      writer.writeInt(value);
    },
    read: (reader) => reader.readInt(min, max, name),
  };
}

function descriptorOf(value: ValueType): TypeDescriptor {
  return { shared: false, value };
}

function mismatch(expected: string, value: unknown): never {
  throw new ValueError(`expected ${expected}, got ${describeValue(value)}`);
}
