/** How much of a slow run's time a quick one forgets. */
const DECAY = 0.9;

/**
 * Expects of each task function what it took lately: a slow run counts at once, and is forgotten over
 * the next dozens of quick ones.
 */
export class TaskPace {
  readonly #expected = new Map<string, { us: number }>();

  /** Infinite for a function that has not run yet. */
  expectedUs(functionName: string): number {
    return this.#expected.get(functionName)?.us ?? Infinity;
  }

  record(functionName: string, elapsedUs: number): void {
    const expected = this.#expected.get(functionName);
    if (expected === undefined) this.#expected.set(functionName, { us: elapsedUs });
    else expected.us = Math.max(elapsedUs, expected.us * DECAY);
  }
}
