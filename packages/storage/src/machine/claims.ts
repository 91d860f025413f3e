export interface Claim {
  readonly instance: number;
  readonly executionManager: number;
}

/**
 * What execution managers hold, running or done, of tasks that are still Pending here. A storage
 * before this one handed these out on the word of successes that were not flushed yet; those are
 * held as well, and on their way. When they have come, the claimed instance is adopted as if it had
 * never been unknown.
 *
 * Made only for a job that was read back, and only until `close`: nothing of it is handed out anew
 * before the execution managers have connected.
 */
export class Claims {
  readonly #byRow = new Map<number, Claim>();
  #isOpen = false;

  get size(): number {
    return this.#byRow.size;
  }

  get isOpen(): boolean {
    return this.#isOpen;
  }

  open(): void {
    this.#isOpen = true;
  }

  /** No claim is made from now on. */
  close(): void {
    this.#isOpen = false;
  }

  get(row: number): Claim | undefined {
    return this.#byRow.size === 0 ? undefined : this.#byRow.get(row);
  }

  set(row: number, claim: Claim): void {
    this.#byRow.set(row, claim);
  }

  delete(row: number): void {
    this.#byRow.delete(row);
  }

  entries(): [number, Claim][] {
    return [...this.#byRow];
  }
}
