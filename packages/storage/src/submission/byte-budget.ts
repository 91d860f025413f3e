import { SpiderError } from '@spider/core';

export interface ByteBudgetOptions {
  /** What is under way, for messages: `uploads`. */
  readonly what: string;
  /** How many may be under way at a time, and the configuration's key for that. */
  readonly most: number;
  readonly countKey: string;
  /** Bytes of all of them together, and the configuration's key for that. */
  readonly mostBytes: number;
  readonly bytesKey: string;
}

/** The memory for what is under way, over all connections. */
export class ByteBudget {
  readonly #options: ByteBudgetOptions;
  #count = 0;
  #bytes = 0;

  constructor(options: ByteBudgetOptions) {
    this.#options = options;
  }

  /** How many are under way. */
  get count(): number {
    return this.#count;
  }

  /** Bytes that are set aside for them. */
  get bytes(): number {
    return this.#bytes;
  }

  /**
   * Sets bytes aside for one until it is disposed of.
   *
   * @throws SpiderError 'resource-exhausted' naming the limit.
   */
  reserve(bytes: number): Disposable {
    const { what, most, countKey, mostBytes, bytesKey } = this.#options;
    if (this.#count >= most) {
      throw exhausted(`${this.#count} ${what} are under way, and ${countKey} allows no more`);
    }
    if (this.#bytes + bytes > mostBytes) {
      throw exhausted(
        `${bytes} bytes beside the ${this.#bytes} of other ${what} are more than the ${mostBytes} of ` +
          bytesKey,
      );
    }
    this.#count += 1;
    this.#bytes += bytes;
    let isHeld = true;
    return {
      [Symbol.dispose]: () => {
        if (!isHeld) return;
        isHeld = false;
        this.#count -= 1;
        this.#bytes -= bytes;
      },
    };
  }
}

const exhausted = (message: string): SpiderError => new SpiderError('resource-exhausted', message);
