/** Bytes of messages that nobody has read yet, before no more are taken from the peer. */
const UNREAD_BYTES = 64 * 1024;

const DONE: IteratorReturnResult<undefined> = { done: true, value: undefined };

/** What messages come from. */
export interface MessageSource {
  pause(): void;
  resume(): void;
}

/** The messages of a stream, for one reader. While it does not read, nothing more is taken in. */
export class IncomingMessages<T> implements AsyncIterableIterator<T, undefined> {
  readonly #source: MessageSource;
  #queue: T[] = [];
  #taken = 0;
  #unreadBytes = 0;
  #isPaused = false;
  #reader: PromiseWithResolvers<IteratorResult<T, undefined>> | undefined;
  #end: { readonly failure: unknown } | undefined;

  constructor(source: MessageSource) {
    this.#source = source;
  }

  /** @param bytes how large the message is. */
  push(message: T, bytes: number): void {
    if (this.#end !== undefined) return;
    const reader = this.#reader;
    if (reader !== undefined) {
      this.#reader = undefined;
      reader.resolve({ done: false, value: message });
      return;
    }
    this.#queue.push(message);
    this.#unreadBytes += bytes;
    if (this.#isPaused || this.#unreadBytes < UNREAD_BYTES) return;
    this.#isPaused = true;
    this.#source.pause();
  }

  end(): void {
    this.#finish(undefined);
  }

  /** The reader meets the error after the messages that came before it. */
  fail(failure: unknown): void {
    this.#finish(failure);
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  next(): Promise<IteratorResult<T, undefined>> {
    if (this.#taken < this.#queue.length) {
      return Promise.resolve({ done: false, value: this.#take() });
    }
    if (this.#end !== undefined) return this.#ended(this.#end.failure);
    this.#reader ??= Promise.withResolvers();
    return this.#reader.promise;
  }

  /** The reader turns away: what still comes is dropped. */
  return(): Promise<IteratorReturnResult<undefined>> {
    this.#finish(undefined);
    this.#empty();
    return Promise.resolve(DONE);
  }

  #take(): T {
    const message = this.#queue[this.#taken] as T;
    this.#taken += 1;
    if (this.#taken === this.#queue.length) this.#empty();
    return message;
  }

  #empty(): void {
    this.#queue = [];
    this.#taken = 0;
    this.#unreadBytes = 0;
    if (!this.#isPaused) return;
    this.#isPaused = false;
    this.#source.resume();
  }

  #finish(failure: unknown): void {
    if (this.#end !== undefined) return;
    this.#end = { failure };
    const reader = this.#reader;
    if (reader === undefined) return;
    this.#reader = undefined;
    if (failure === undefined) reader.resolve(DONE);
    else reader.reject(failure);
  }

  #ended(failure: unknown): Promise<IteratorReturnResult<undefined>> {
    // oxlint-disable-next-line typescript/prefer-promise-reject-errors -- passed on as it came
    return failure === undefined ? Promise.resolve(DONE) : Promise.reject(failure);
  }
}
