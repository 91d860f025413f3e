import { frameCount, payloadEnd } from '../wire/frame.ts';
import { MsgpackReader } from './msgpack-reader.ts';
import { MsgpackWriter } from './msgpack-writer.ts';
import type { Type, Types, ValuesOf } from './type.ts';
import { ValueError, withPath } from './value-error.ts';

/** What an error calls the values: `input 2.points[7].x: expected float64, got string`. */
export type SlotName = 'input' | 'output' | 'job input' | 'job output';

/** The MessagePack form of one value. */
export function encodeValue<T>(type: Type<T>, value: T): Uint8Array {
  const writer = new MsgpackWriter();
  type.write(writer, value);
  return writer.toBytes();
}

/** Reads one value; bytes after it are ignored. */
export function decodeValue<T>(type: Type<T>, bytes: Uint8Array): T {
  return type.read(new MsgpackReader(bytes));
}

/**
 * Encodes one value for each type as a wire frame.
 *
 * @throws ValueError if their number differs, or one is not of its type.
 */
export function encodeValues<T extends Types>(
  types: T,
  values: ValuesOf<T>,
  slotName: SlotName,
): Uint8Array {
  const writer = new MsgpackWriter();
  appendValues(writer, types, values, slotName);
  return writer.toBytes();
}

/** As `encodeValues`, behind what the writer holds already. On an error the writer is as before. */
export function appendValues(
  writer: MsgpackWriter,
  types: Types,
  values: readonly unknown[],
  slotName: SlotName,
): void {
  if (values.length !== types.length) {
    throw new ValueError(`expected ${types.length} ${slotName}s, got ${values.length}`);
  }
  const start = writer.length;
  let index = 0;
  try {
    writer.appendUint32LE(types.length);
    for (const type of types) {
      const header = writer.length;
      writer.appendUint32LE(0);
      type.write(writer, values[index]);
      writer.setUint32LE(header, writer.length - header - 4);
      index += 1;
    }
  } catch (error) {
    writer.truncate(start);
    throw withPath(`${slotName} ${index}`, error);
  }
}

/**
 * Reads a wire frame of one value for each type.
 *
 * @throws SpiderError 'invalid-argument', mostly a ValueError, if it is no such frame.
 */
export function decodeValues<T extends Types>(
  types: T,
  frame: Uint8Array,
  slotName: SlotName,
): ValuesOf<T> {
  return readValues(new MsgpackReader(), types, frame, slotName) as ValuesOf<T>;
}

/** As `decodeValues`, with a reader that is kept for the next frame. */
export function readValues(
  reader: MsgpackReader,
  types: Types,
  frame: Uint8Array,
  slotName: SlotName,
): unknown[] {
  const count = frameCount(frame);
  if (count !== types.length) {
    throw new ValueError(`expected ${types.length} ${slotName}s, got ${count}`);
  }
  const values: unknown[] = [];
  let position = 4;
  try {
    for (const type of types) {
      const start = position + 4;
      position = payloadEnd(frame, position);
      reader.reset(frame, start, position);
      values.push(type.read(reader));
    }
  } catch (error) {
    throw withPath(`${slotName} ${values.length}`, error);
  }
  return values;
}
