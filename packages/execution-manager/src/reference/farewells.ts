import type { Clock } from '@spider/runtime';

/** How long a scheduler may take to hear that we leave. */
const PATIENCE_MS = 2_000;

/** What is still to be said to schedulers before this process may end. */
export class Farewells {
  readonly #clock: Clock;
  readonly #pending = new Set<Promise<void>>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Begins one; what is answered says that it is over. */
  begin(): () => void {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#pending.add(promise);
    return () => {
      this.#pending.delete(promise);
      resolve();
    };
  }

  /** Resolves when all are over, or have taken too long. */
  async all(): Promise<void> {
    if (this.#pending.size === 0) return;
    const patience = new AbortController();
    const tooLong = this.#clock.sleep(PATIENCE_MS, { signal: patience.signal });
    await Promise.race([Promise.all(this.#pending), tooLong]);
    patience.abort();
    await tooLong.catch(() => undefined);
  }
}
