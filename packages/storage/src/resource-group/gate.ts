import { SpiderError } from '@spider/core';

export interface GateOptions {
  /** What passes, for messages: `passwords`. */
  readonly what: string;
  /** So many operations run at the same time. */
  readonly running: number;
  /** So many more may wait for their turn. */
  readonly waiting: number;
  /** The configuration's key for that. */
  readonly key: string;
}

/** Keeps costly operations from running all at once. */
export class Gate {
  readonly #options: GateOptions;
  readonly #waiting: (() => void)[] = [];
  #running = 0;

  constructor(options: GateOptions) {
    this.#options = options;
  }

  /**
   * Runs an operation when it is its turn.
   *
   * @throws SpiderError 'resource-exhausted' if too many wait; what the operation throws.
   */
  async run<T>(operation: () => Promise<T>): Promise<T> {
    if (this.#running < this.#options.running) this.#running += 1;
    else await this.#turn();
    try {
      return await operation();
    } finally {
      const next = this.#waiting.shift();
      if (next === undefined) this.#running -= 1;
      else next();
    }
  }

  #turn(): Promise<void> {
    const { what, waiting, key } = this.#options;
    if (this.#waiting.length >= waiting) {
      throw new SpiderError(
        'resource-exhausted',
        `${waiting} ${what} wait, and ${key} allows no more`,
      );
    }
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#waiting.push(resolve);
    return promise;
  }
}
