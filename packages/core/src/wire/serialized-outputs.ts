import { invalidArgument } from '../error.ts';
import { LIMITS } from '../limits.ts';
import { frameBounds } from './frame.ts';
import type { Zstd } from './zstd.ts';

const PLAIN = 0;
const COMPRESSED = 1;

/** Payload bytes, without their lengths, above which the writer compresses. */
const COMPRESSED_ABOVE_BYTES = 1024;

/**
 * Packs a job's outputs as clients and commit tasks receive them: a byte that says whether the rest
 * is a wire frame or a compressed one.
 *
 * @throws SpiderError 'invalid-argument' if `frame` is no wire frame.
 */
export function encodeSerializedOutputs(frame: Uint8Array, zstd: Zstd): Uint8Array {
  const isCompressed = payloadBytes(frame) > COMPRESSED_ABOVE_BYTES;
  const body = isCompressed ? zstd.compress(frame) : frame;
  const bytes = new Uint8Array(1 + body.length);
  bytes[0] = isCompressed ? COMPRESSED : PLAIN;
  bytes.set(body, 1);
  return bytes;
}

/**
 * The wire frame in a job's packed outputs; a view of them if it was not compressed.
 *
 * @throws SpiderError 'invalid-argument' if they are malformed, or larger than
 * `LIMITS.decompressedBytes` when decompressed.
 */
export function decodeSerializedOutputs(bytes: Uint8Array, zstd: Zstd): Uint8Array {
  const option = bytes[0];
  if (option === undefined) throw invalidArgument('serialized outputs are empty');
  const body = bytes.subarray(1);
  if (option === PLAIN) return body;
  if (option === COMPRESSED) return zstd.decompress(body, LIMITS.decompressedBytes);
  throw invalidArgument(`serialized outputs start with the unknown option ${option}`);
}

function payloadBytes(frame: Uint8Array): number {
  const bounds = frameBounds(frame);
  const end = bounds.at(-1) ?? 4;
  // Each payload follows four bytes of length, the first one four bytes of count.
  return end - 4 - 2 * bounds.length;
}
