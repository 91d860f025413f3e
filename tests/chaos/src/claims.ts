/** What is being struck, so that nobody else strikes it meanwhile. */
export class Claims {
  readonly #taken = new Set<string>();
  #released = Promise.withResolvers<void>();

  areFree(names: readonly string[]): boolean {
    return names.every((name) => !this.#taken.has(name));
  }

  /** Waits until all of them are free. */
  async take(names: readonly string[]): Promise<Disposable> {
    for (;;) {
      const claim = this.tryTake(names);
      if (claim !== undefined) return claim;
      await this.#released.promise;
    }
  }

  /** Undefined unless all of them are free. */
  tryTake(names: readonly string[]): Disposable | undefined {
    if (!this.areFree(names)) return undefined;
    for (const name of names) this.#taken.add(name);
    return {
      [Symbol.dispose]: () => {
        for (const name of names) this.#taken.delete(name);
        this.#released.resolve();
        this.#released = Promise.withResolvers();
      },
    };
  }
}
