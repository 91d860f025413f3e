/** Calls that are under way at a time; more only wait within the server. */
const CALLS_MAX = 32;

/** Makes calls in their order, not too many at a time. */
export class CallQueue {
  readonly #onFailure: (error: unknown) => void;
  #waiting: (() => Promise<void>)[] = [];
  #running = 0;

  /** @param onFailure is told of each call that rejects. */
  constructor(onFailure: (error: unknown) => void) {
    this.#onFailure = onFailure;
  }

  add(call: () => Promise<void>): void {
    this.#waiting.push(call);
    this.#start();
  }

  /** Forgets what was not begun. */
  clear(): void {
    this.#waiting = [];
  }

  #start(): void {
    while (this.#running < CALLS_MAX) {
      const call = this.#waiting.shift();
      if (call === undefined) return;
      this.#running += 1;
      call()
        .catch(this.#onFailure)
        .finally(() => {
          this.#running -= 1;
          this.#start();
        });
    }
  }
}
