import type { MsgpackReader } from './msgpack-reader.ts';
import type { MsgpackWriter } from './msgpack-writer.ts';
import type { TypeDescriptor } from './type-descriptor.ts';

/** Only in types; see `Type`. */
declare const named: unique symbol;

/**
 * The type of a task input or output: what a task graph says of it, and how its values travel.
 *
 * `T` is what task code and clients see: number for the integers up to 32 bits and for floats, bigint
 * for int64, Uint8Array for bytes, readonly arrays, maps and objects for what holds other values.
 *
 * `Name` is how the compiler tells types apart whose values look the same: `'int32'` and `'float64'`,
 * two structs, a shared value and a plain one. Where it is left out, as in `Type<number>`, any name
 * goes, and the check is left to the run time.
 */
export interface Type<T, Name extends string = string> {
  /** Never there. Written as a method, so that `Name` goes both ways where it is not known. */
  [named]?(name: Name): void;
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

/** Refuses, by an error of the compiler, a shared type as a part of another one. */
export type NotShared<Name extends string> = Name extends `shared ${string}`
  ? 'a shared type stands for a whole input or output, not for a part of one'
  : unknown;

/** What a list of inputs or outputs is typed by. */
export type Types = readonly Type<unknown>[];

/** The values a type stands for: `ValueOf<typeof float64>` is number. */
export type ValueOf<T extends Type<unknown>> = T extends Type<infer V> ? V : never;

/** What the compiler calls a type: `NameOf<typeof float64>` is `'float64'`. */
export type NameOf<T extends Type<unknown>> = T extends Type<unknown, infer Name> ? Name : never;

/** The tuple of values that a list of types stands for. */
export type ValuesOf<T extends Types> = { readonly [K in keyof T]: ValueOf<T[K]> };
