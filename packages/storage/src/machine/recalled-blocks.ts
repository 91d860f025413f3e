/** Blocks that were read back from the journal, by task. */
export class RecalledBlocks {
  readonly #blocks = new Map<number, Uint8Array>();
  #totalBytes = 0;

  get totalBytes(): number {
    return this.#totalBytes;
  }

  has(task: number): boolean {
    return this.#blocks.has(task);
  }

  get(task: number): Uint8Array | undefined {
    return this.#blocks.get(task);
  }

  /** Keeps the bytes, without a copy. */
  add(task: number, bytes: Uint8Array): void {
    this.delete(task);
    this.#blocks.set(task, bytes);
    this.#totalBytes += bytes.length;
  }

  delete(task: number): void {
    const bytes = this.#blocks.get(task);
    if (bytes === undefined) return;
    this.#blocks.delete(task);
    this.#totalBytes -= bytes.length;
  }

  /** Forgets all others. */
  keep(isNeeded: (task: number) => boolean): void {
    for (const task of this.#blocks.keys()) if (!isNeeded(task)) this.delete(task);
  }
}
