/** So many taken messages, and half of the array, before their places are given back. */
const COMPACT_AT = 1024;

const DONE: IteratorReturnResult<undefined> = { done: true, value: undefined };

export interface OutgoingStreamOptions {
  /**
   * The reader asks for a message and there is none: everything pushed so far is on its way, and
   * what is pushed now goes out at once. Called within `next()`, so it must not throw.
   */
  readonly onDrained?: () => void;
  /**
   * The reader is done with the stream, called once: `orderly` when it has met the end or the error,
   * not when it turned away before. Must not throw.
   */
  readonly onClose?: (orderly: boolean) => void;
}

/**
 * Turns pushed messages into the async iterable that a stream of an RPC takes. One reader iterates
 * it once. It has no bound of its own: whoever pushes watches `pending`, or pushes when drained.
 */
export class OutgoingStream<T> implements AsyncIterableIterator<T, undefined> {
  readonly #options: OutgoingStreamOptions;
  #queue: T[] = [];
  #taken = 0;
  #reader: ((result: IteratorResult<T, undefined>) => void) | undefined;
  #rejectReader: ((reason: unknown) => void) | undefined;
  #state: 'open' | 'ended' | 'closed' = 'open';
  #failure: { readonly reason: unknown } | undefined;

  constructor(options: OutgoingStreamOptions = {}) {
    this.#options = options;
  }

  /** Messages that the reader has not taken yet. */
  get pending(): number {
    return this.#queue.length - this.#taken;
  }

  /** Whether a message that is pushed now will be read. */
  get isOpen(): boolean {
    return this.#state === 'open';
  }

  /** Answers false, and drops the message, once the stream has ended or its reader is gone. */
  push(message: T): boolean {
    if (this.#state !== 'open') return false;
    const reader = this.#reader;
    if (reader === undefined) {
      this.#queue.push(message);
    } else {
      this.#reader = undefined;
      reader({ done: false, value: message });
    }
    return true;
  }

  /** Nothing more follows; what is pending is still read. */
  end(): void {
    if (this.#state !== 'open') return;
    this.#state = 'ended';
    if (this.#reader !== undefined) this.#close(true);
  }

  /** Drops what is pending; the reader meets the error next. */
  fail(reason: unknown): void {
    if (this.#state === 'closed') return;
    this.#state = 'ended';
    this.#failure = { reason };
    this.#dropPending();
    if (this.#reader === undefined) return;
    this.#reader = undefined;
    this.#rejectReader?.(reason);
    this.#close(true);
  }

  /** The next message that is pending, as if it had been asked for by `next`. */
  take(): T | undefined {
    return this.#taken < this.#queue.length ? this.#take() : undefined;
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  next(): Promise<IteratorResult<T, undefined>> {
    if (this.#taken < this.#queue.length) {
      return Promise.resolve({ done: false, value: this.#take() });
    }
    if (this.#state === 'open') {
      const result = new Promise<IteratorResult<T, undefined>>((resolve, reject) => {
        this.#reader = resolve;
        this.#rejectReader = reject;
      });
      this.#options.onDrained?.();
      return result;
    }
    if (this.#state === 'closed') return Promise.resolve(DONE);
    const failure = this.#failure;
    this.#close(true);
    // oxlint-disable-next-line typescript/prefer-promise-reject-errors -- passed on as it came
    return failure === undefined ? Promise.resolve(DONE) : Promise.reject(failure.reason);
  }

  return(): Promise<IteratorReturnResult<undefined>> {
    this.#close(false);
    return Promise.resolve(DONE);
  }

  throw(): Promise<IteratorReturnResult<undefined>> {
    return this.return();
  }

  #take(): T {
    const message = this.#queue[this.#taken] as T;
    this.#taken++;
    if (this.#taken === this.#queue.length) {
      this.#queue.length = 0;
      this.#taken = 0;
    } else if (this.#taken >= COMPACT_AT && this.#taken * 2 >= this.#queue.length) {
      this.#queue = this.#queue.slice(this.#taken);
      this.#taken = 0;
    }
    return message;
  }

  #dropPending(): void {
    this.#queue = [];
    this.#taken = 0;
  }

  #close(orderly: boolean): void {
    if (this.#state === 'closed') return;
    this.#state = 'closed';
    this.#dropPending();
    this.#failure = undefined;
    const reader = this.#reader;
    this.#reader = undefined;
    this.#rejectReader = undefined;
    // A reader that left while it waited still gets an answer.
    reader?.(DONE);
    this.#options.onClose?.(orderly);
  }
}
