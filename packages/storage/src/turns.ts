/** Lets those who want the same thing have it one after another, in the order in which they came. */
export class Turns<Key> {
  readonly #last = new Map<Key, Promise<void>>();

  /** Waits until all who came before are through, whatever became of them, then runs. */
  async take<T>(key: Key, run: () => Promise<T>): Promise<T> {
    const before = this.#last.get(key);
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#last.set(key, promise);
    try {
      await before;
      return await run();
    } finally {
      resolve();
      if (this.#last.get(key) === promise) this.#last.delete(key);
    }
  }
}
