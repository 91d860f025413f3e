/** Random numbers, which a seed makes the same in each run. Not for secrets. */
export interface Rng {
  /** Evenly from 0 up to but not including 1. */
  float(): number;
  /** Evenly from 0 to 2^32 − 1. */
  uint32(): number;
}
