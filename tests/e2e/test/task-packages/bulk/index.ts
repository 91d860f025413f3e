/** Much data, of which nobody can say before it is computed what it is. */
import { bytes, definePackage, defineTask, int32, repeat } from '@spider/tdl';

export const BLOCK_BYTES = 64 * 1024;
/** Blocks that one digest is made of. */
export const BLOCKS_PER_DIGEST = 16;

export function block(seed: number): Uint8Array {
  const words = new Uint32Array(BLOCK_BYTES / 4);
  let word = seed + 1;
  for (let i = 0; i < words.length; i++) {
    word = (Math.imul(word, 1_664_525) + 1_013_904_223) >>> 0;
    words[i] = word;
  }
  return new Uint8Array(words.buffer);
}

/** Depends on every byte, and on the order of the blocks. */
export function digestOf(blocks: readonly Uint8Array[]): number {
  let digest = 0;
  for (const one of blocks) for (const byte of one) digest = (Math.imul(digest, 31) + byte) | 0;
  return digest;
}

export const fill = defineTask({
  name: 'fill',
  inputs: [int32],
  outputs: [bytes],
  run: (_context, seed) => block(seed),
});

export const digest = defineTask({
  name: 'digest',
  inputs: repeat(bytes, BLOCKS_PER_DIGEST),
  outputs: [int32],
  run: (_context, ...blocks) => digestOf(blocks),
});

export default definePackage({ name: 'bulk', version: '0.1.0', tasks: [fill, digest] });
