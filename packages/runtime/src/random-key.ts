import type { Rng } from './rng.ts';

/** A key of 128 bits that nobody else draws, in 32 hexadecimal digits. */
export function randomKey(rng: Rng): string {
  const words = Array.from({ length: 4 }, () => rng.uint32());
  return words.map((word) => word.toString(16).padStart(8, '0')).join('');
}
