/** Lets a test wait for what it expects, without asking again and again. */
export class Changes {
  readonly #checks = new Set<() => void>();

  /** Something has changed. */
  notify(): void {
    for (const check of this.#checks) check();
  }

  /** Resolves as soon as the condition holds; it is looked at now and at each change. */
  until(condition: () => boolean): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    const check = (): void => {
      if (!condition()) return;
      this.#checks.delete(check);
      resolve();
    };
    this.#checks.add(check);
    check();
    return promise;
  }
}
