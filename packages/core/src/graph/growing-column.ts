/** A column of uint32 numbers that grows as they are appended, by doubling. */
export class GrowingColumn {
  #values = new Uint32Array(64);
  #length = 0;

  get length(): number {
    return this.#length;
  }

  push(value: number): void {
    if (this.#length === this.#values.length) this.#grow();
    this.#values[this.#length++] = value;
  }

  /** The number at a position below `length`. */
  at(position: number): number {
    return this.#values[position] ?? 0;
  }

  /** The number that was appended last; 0 if there is none. */
  last(): number {
    return this.#length === 0 ? 0 : (this.#values[this.#length - 1] ?? 0);
  }

  /** Forgets everything from the position on. */
  truncate(length: number): void {
    this.#length = length;
  }

  /** A copy that holds exactly what was appended. */
  toArray(): Uint32Array {
    return this.#values.slice(0, this.#length);
  }

  #grow(): void {
    const values = new Uint32Array(this.#values.length * 2);
    values.set(this.#values);
    this.#values = values;
  }
}
