import type { SpiderError } from '@spider/core';

/** Messages of a stream, for a test that waits for one of them at a time. */
export class Inbox<T> {
  readonly all: T[] = [];
  #waiters: (() => void)[] = [];
  #closed: { readonly reason: SpiderError | undefined } | undefined;

  push(message: T): void {
    this.all.push(message);
    this.#wake();
  }

  close(reason: SpiderError | undefined): void {
    this.#closed = { reason };
    this.#wake();
  }

  /** Resolves once a message for which `find` answers something has come, with that. */
  async first<R>(find: (message: T) => R | undefined): Promise<R> {
    for (let next = 0; ;) {
      for (; next < this.all.length; next++) {
        const found = find(this.all[next] as T);
        if (found !== undefined) return found;
      }
      if (this.#closed !== undefined)
        throw this.#closed.reason ?? new Error('the stream has ended');
      await this.#next();
    }
  }

  /** Resolves with how the stream ended. */
  async closed(): Promise<SpiderError | undefined> {
    while (this.#closed === undefined) {
      await this.#next();
    }
    return this.#closed.reason;
  }

  #next(): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#waiters.push(resolve);
    return promise;
  }

  #wake(): void {
    const waiters = this.#waiters;
    this.#waiters = [];
    for (const waiter of waiters) waiter();
  }
}

/** All messages of a stream that ends by itself. */
export async function collect<T>(messages: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = [];
  for await (const message of messages) all.push(message);
  return all;
}
