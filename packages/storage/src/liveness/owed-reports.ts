import type { Clock } from '@spider/runtime';

/**
 * Which execution managers have not yet repeated all the reports that the storage before this one had
 * left unflushed. Some of these wait for others, which may be lost for good: when all that is owed
 * waits, nothing more will come.
 */
export class OwedReports {
  readonly #clock: Clock;
  /** By execution manager: whether what it owes waits for others. */
  readonly #waits = new Map<number, boolean>();
  readonly #in = Promise.withResolvers<void>();
  #isAsked = false;
  #isOver = false;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** One has connected and is about to send reports. */
  owes(executionManager: number): void {
    if (!this.#isOver) this.#waits.set(executionManager, false);
  }

  /** The next report of one that owes some waits for those of others, or does not any more. */
  waits(executionManager: number, waits: boolean): void {
    if (!this.#waits.has(executionManager)) return;
    this.#waits.set(executionManager, waits);
    this.#look();
  }

  /** It has sent them all, or never will. */
  settled(executionManager: number): void {
    if (this.#waits.delete(executionManager)) this.#look();
  }

  /** Resolves when nothing that is owed can come any more, and after the timeout at the latest. */
  async whenIn(timeoutMs: number): Promise<void> {
    const timer = this.#clock.setTimer(timeoutMs, () => this.close());
    this.#isAsked = true;
    this.#look();
    await this.#in.promise;
    timer.cancel();
  }

  /** Nobody is waited for any more. */
  close(): void {
    this.#isOver = true;
    this.#waits.clear();
    this.#in.resolve();
  }

  #look(): void {
    if (!this.#isAsked || this.#isOver || !this.#isAllWaiting) return;
    // What has come in this turn may have others go on that waited for it.
    this.#clock.defer(() => {
      if (this.#isAllWaiting) this.close();
    });
  }

  get #isAllWaiting(): boolean {
    for (const waits of this.#waits.values()) if (!waits) return false;
    return true;
  }
}
