import { invalidArgument } from '../error.ts';
import { readUint32LE } from './read-uint.ts';

const EMPTY = 4;

/** The frame of no payload at all. */
export const EMPTY_FRAME: Uint8Array = new Uint8Array(EMPTY);

/**
 * Joins payloads to a wire frame: a count, then each payload after its length, all lengths unsigned
 * 32-bit little-endian. Inputs and outputs of tasks travel in it, one MessagePack value a payload.
 */
export function encodeFrame(payloads: readonly Uint8Array[]): Uint8Array {
  let size = EMPTY;
  for (const payload of payloads) size += 4 + payload.length;
  const frame = new Uint8Array(size);
  const view = new DataView(frame.buffer);
  view.setUint32(0, payloads.length, true);
  let position = EMPTY;
  for (const payload of payloads) {
    view.setUint32(position, payload.length, true);
    frame.set(payload, position + 4);
    position += 4 + payload.length;
  }
  return frame;
}

/**
 * Takes a frame apart. The payloads are views of its bytes; whatever follows the last is ignored.
 *
 * @throws SpiderError 'invalid-argument' if it is no frame.
 */
export function decodeFrame(bytes: Uint8Array): Uint8Array[] {
  const bounds = frameBounds(bytes);
  const payloads: Uint8Array[] = [];
  for (let i = 0; i < bounds.length; i += 2) {
    payloads.push(bytes.subarray(bounds[i], bounds[i + 1]));
  }
  return payloads;
}

/**
 * How many payloads a frame says it has; no more than its bytes could hold.
 *
 * @throws SpiderError 'invalid-argument' if that cannot be true.
 */
export function frameCount(bytes: Uint8Array): number {
  const { length } = bytes;
  if (length < EMPTY) {
    throw invalidArgument(`a wire frame has at least 4 bytes, this one has ${length}`);
  }
  const count = readUint32LE(bytes, 0);
  // Each payload needs four bytes for its length alone. Without this, four bytes could ask for
  // gigabytes.
  if (count > (length - EMPTY) / 4) {
    throw invalidArgument(`a wire frame of ${length} bytes cannot hold ${count} payloads`);
  }
  return count;
}

/**
 * Finds the payloads of a frame without making a view of each: payload i is from [2i] to [2i + 1] of
 * the result.
 *
 * @param into is filled and returned, to be used again for the next frame.
 * @throws SpiderError 'invalid-argument' if it is no frame.
 */
export function frameBounds(bytes: Uint8Array, into: number[] = []): number[] {
  const count = frameCount(bytes);
  into.length = count * 2;
  let position = EMPTY;
  for (let i = 0; i < count; i++) {
    into[2 * i] = position + 4;
    position = payloadEnd(bytes, position);
    into[2 * i + 1] = position;
  }
  return into;
}

/**
 * Where the payload ends whose length is at `at`.
 *
 * @throws SpiderError 'invalid-argument' if the frame ends before.
 */
export function payloadEnd(bytes: Uint8Array, at: number): number {
  const start = at + 4;
  const end = start > bytes.length ? Infinity : start + readUint32LE(bytes, at);
  if (end > bytes.length) throw invalidArgument('a wire frame ends inside one of its payloads');
  return end;
}
