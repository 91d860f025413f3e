import type { MsgpackReader } from './msgpack-reader.ts';
import type { MsgpackWriter } from './msgpack-writer.ts';
import type { TypeDescriptor } from './type-descriptor.ts';

/**
 * The type of a task input or output: what a task graph says of it, and how its values travel.
 *
 * `T` is what task code and clients see: number for the integers up to 32 bits and for floats, bigint
 * for int64, Uint8Array for bytes, readonly arrays, maps and objects for what holds other values.
 */
export interface Type<T> {
  readonly descriptor: TypeDescriptor;
  /** Whether `undefined` is a value of this type. */
  readonly isOptional: boolean;

  /**
   * Appends the MessagePack form of a value, byte for byte as the reference writes it.
   *
   * @throws ValueError if the value is not of this type. What was appended until then stays.
   */
  write(writer: MsgpackWriter, value: T): void;

  /**
   * Reads one value, and is as lenient as the reference: either float width and any integer for a
   * float, an array of integers or a binary for bytes, an array or a map for a struct.
   *
   * @throws ValueError if what comes next is not of this type.
   */
  read(reader: MsgpackReader): T;
}

/** What a list of inputs or outputs is typed by. */
export type Types = readonly Type<unknown>[];

/** The values a type stands for: `ValueOf<typeof float64>` is number. */
export type ValueOf<T extends Type<unknown>> = T extends Type<infer V> ? V : never;

/** The tuple of values that a list of types stands for. */
export type ValuesOf<T extends Types> = { readonly [K in keyof T]: ValueOf<T[K]> };
