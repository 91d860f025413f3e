import type { Rng } from '@spider/runtime';

/** Draws from a seed, in the words of a scenario. */
export class Draw {
  readonly rng: Rng;

  constructor(rng: Rng) {
    this.rng = rng;
  }

  /** A whole number from the first to the last. */
  int(first: number, last: number): number {
    return first + Math.floor(this.rng.float() * (last - first + 1));
  }

  between(low: number, high: number): number {
    return low + this.rng.float() * (high - low);
  }

  /** Far more often near the low end, over orders of magnitude. */
  skewed(low: number, high: number): number {
    return low * (high / low) ** this.rng.float();
  }

  chance(probability: number): boolean {
    return this.rng.float() < probability;
  }

  pick<T>(options: readonly T[]): T {
    return options[this.int(0, options.length - 1)] as T;
  }
}
