/**
 * Remembers, for one execution manager, which reports become durable with which append of the
 * journal. Both numbers ascend.
 */
export class FlushMarks {
  readonly #tickets: number[] = [];
  readonly #sequences: bigint[] = [];

  /** All records of the reports up to `sequence` are among the appends up to `ticket`. */
  add(ticket: number, sequence: bigint): void {
    const last = this.#tickets.length - 1;
    if (this.#tickets[last] === ticket) {
      this.#sequences[last] = sequence;
      return;
    }
    this.#tickets.push(ticket);
    this.#sequences.push(sequence);
  }

  /** The highest sequence that is durable when the appends up to `flushed` are. Only if it is news. */
  take(flushed: number): bigint | undefined {
    let count = 0;
    while ((this.#tickets[count] ?? Infinity) <= flushed) count += 1;
    if (count === 0) return undefined;
    const sequence = this.#sequences[count - 1];
    this.#tickets.splice(0, count);
    this.#sequences.splice(0, count);
    return sequence;
  }
}
