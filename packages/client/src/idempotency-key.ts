import type { Rng } from '@spider/runtime';

/** A key that nobody else draws. */
export function randomIdempotencyKey(rng: Rng): string {
  const words = Array.from({ length: 4 }, () => rng.uint32());
  return words.map((word) => word.toString(16).padStart(8, '0')).join('');
}

/** Rounds of a submission over all endpoints. With the pauses between them they take 15 seconds. */
export const SUBMIT_ROUNDS = 9;
