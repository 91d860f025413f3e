/** The weight of a new measurement, once there are enough. */
const WEIGHT = 1 / 16;

/**
 * Follows a length of time as the geometric mean of what was measured lately. That is the typical
 * length: a task that was interrupted for a thousand times its own length, as it happens where there
 * are more processes than cores, hardly moves it.
 */
export class TypicalLength {
  #log = 0;
  #count = 0;
  #isProvisional = false;
  #valueUs: number | undefined;
  #isStale = false;

  /** @param initialUs what it is taken to be until something was measured; undefined by default. */
  constructor(initialUs?: number) {
    this.#valueUs = initialUs;
  }

  /**
   * Takes a measurement into account. A doubtful one, which may hold more than is to be measured,
   * counts only as long as there is no other.
   */
  observe(lengthUs: number, isDoubtful: boolean): void {
    if (isDoubtful && this.#count > 0) return;
    const log = lengthUs > 1 ? Math.log(lengthUs) : 0;
    if (this.#isProvisional || this.#count === 0) {
      this.#log = log;
      this.#count = 1;
    } else {
      this.#count += 1;
      this.#log += (log - this.#log) * Math.max(WEIGHT, 1 / this.#count);
    }
    this.#isProvisional = isDoubtful;
    this.#isStale = true;
  }

  /** At least 1; undefined as long as nothing is known. */
  get valueUs(): number | undefined {
    if (this.#isStale) {
      this.#valueUs = Math.max(1, Math.round(Math.exp(this.#log)));
      this.#isStale = false;
    }
    return this.#valueUs;
  }
}
