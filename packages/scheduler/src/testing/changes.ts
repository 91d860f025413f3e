/** Lets a test wait for what it expects, without asking again and again. */
export class Changes {
  readonly #waiting = new Set<() => void>();

  /** Something has changed. */
  notify(): void {
    for (const check of this.#waiting) check();
  }

  /** Resolves as soon as the condition holds; asked now and at each change. */
  until(condition: () => boolean): Promise<void> {
    return new Promise((resolve) => {
      const check = (): void => {
        if (!condition()) return;
        this.#waiting.delete(check);
        resolve();
      };
      this.#waiting.add(check);
      check();
    });
  }
}
