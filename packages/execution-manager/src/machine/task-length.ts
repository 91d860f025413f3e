/** A measurement weighs as much as the time it took, but no more than this. */
const WEIGHT_US_MAX = 16_000;
/** How much measured work an estimate remembers. */
const MEMORY_US = 100_000;
/** What a measurement weighs that is suspected of not being typical. */
const DOUBTFUL_WEIGHT_US = 1;

/**
 * Estimates how long tasks of a kind take, as the geometric mean of what was measured, weighted by
 * time: the length of the task in which a slot is found at a random moment. A single slow task
 * among thousands of short ones hardly moves it, and where most of the time goes into few long
 * tasks it is long, however many short ones there are.
 */
export class TaskLength {
  #weightUs = 0;
  #logSum = 0;
  #estimateUs = 0;
  #stale = false;

  /**
   * Takes a measurement into account. It is doubtful if it may hold more than the task itself, such
   * as loading its package; the next one then all but replaces it.
   */
  observe(elapsedUs: number, doubtful: boolean): void {
    const lengthUs = elapsedUs < 1 ? 1 : elapsedUs;
    const weightUs = doubtful
      ? DOUBTFUL_WEIGHT_US
      : lengthUs < WEIGHT_US_MAX
        ? lengthUs
        : WEIGHT_US_MAX;
    const kept = 1 - weightUs / MEMORY_US;
    this.#weightUs = this.#weightUs * kept + weightUs;
    this.#logSum = this.#logSum * kept + weightUs * Math.log(lengthUs);
    this.#stale = true;
  }

  /** At least 1; undefined as long as nothing was measured. */
  get estimateUs(): number | undefined {
    if (this.#stale) {
      this.#estimateUs = Math.max(1, Math.round(Math.exp(this.#logSum / this.#weightUs)));
      this.#stale = false;
    }
    return this.#estimateUs === 0 ? undefined : this.#estimateUs;
  }
}
