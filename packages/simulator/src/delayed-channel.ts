import type { SimProcess } from './sim-process.ts';
import type { VirtualTime } from './virtual-time.ts';

/** One way of a stream: what goes in comes out later, in the same order. */
export class DelayedChannel<T> implements AsyncIterableIterator<T, undefined> {
  readonly #time: VirtualTime;
  readonly #receiver: SimProcess;
  readonly #delayMs: () => number;
  readonly #arrived: T[] = [];
  #lastAtMs = 0;
  #isSevered = false;
  #end: { readonly error: unknown } | undefined;
  #waiting: PromiseWithResolvers<IteratorResult<T, undefined>> | undefined;

  constructor(time: VirtualTime, receiver: SimProcess, delayMs: () => number) {
    this.#time = time;
    this.#receiver = receiver;
    this.#delayMs = delayMs;
  }

  push(message: T): void {
    this.#later(() => {
      this.#arrived.push(message);
      this.#serve();
    });
  }

  /** Nothing more comes after what is on its way; with an error if there is one. */
  end(error?: unknown): void {
    this.#later(() => this.cut(error));
  }

  /** Nothing that has not arrived ever does; the receiver does not know it yet. */
  sever(): void {
    this.#isSevered = true;
  }

  /** The receiver finds the stream broken now; what is on its way is lost. */
  cut(error: unknown): void {
    if (this.#end !== undefined) return;
    this.#end = { error };
    this.#receiver.clock.whenAwake(() => this.#serve());
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  next(): Promise<IteratorResult<T, undefined>> {
    this.#waiting = Promise.withResolvers();
    const { promise } = this.#waiting;
    this.#receiver.clock.whenAwake(() => this.#serve());
    return promise;
  }

  async return(): Promise<IteratorReturnResult<undefined>> {
    this.#end ??= { error: undefined };
    this.#arrived.length = 0;
    return { done: true, value: undefined };
  }

  #later(callback: () => void): void {
    const atMs = Math.max(this.#lastAtMs, this.#time.nowMs + this.#delayMs());
    this.#lastAtMs = atMs;
    this.#time.after(atMs - this.#time.nowMs, () => {
      if (!this.#isSevered) this.#receiver.clock.whenAwake(callback);
    });
  }

  #serve(): void {
    const waiting = this.#waiting;
    if (waiting === undefined || !this.#receiver.isAlive) return;
    const message = this.#arrived.shift();
    if (message === undefined && this.#end === undefined) return;
    this.#waiting = undefined;
    if (message !== undefined) waiting.resolve({ done: false, value: message });
    else if (this.#end?.error === undefined) waiting.resolve({ done: true, value: undefined });
    else waiting.reject(this.#end.error);
  }
}
