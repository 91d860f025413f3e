import type { AssignmentBatch } from './lease-ledger.ts';

/** The batches of one stream: which of them are dealt with, all before them too. */
export class AcknowledgedBatches {
  readonly #open: { readonly batch: AssignmentBatch; isComplete: boolean }[] = [];
  #newest = 0;
  #untaken = 0;

  /** Batches that could be acknowledged and were not. */
  get untaken(): number {
    return this.#untaken;
  }

  open(batch: AssignmentBatch): void {
    this.#open.push({ batch, isComplete: false });
  }

  /** Answers whether there is a batch to acknowledge now. One of an earlier stream changes nothing. */
  complete(batch: AssignmentBatch): boolean {
    const entry = this.#open.find((known) => known.batch === batch);
    if (entry === undefined) return false;
    entry.isComplete = true;
    let first = this.#open[0];
    while (first?.isComplete === true) {
      this.#newest = first.batch.number;
      this.#untaken += 1;
      this.#open.shift();
      first = this.#open[0];
    }
    return this.#untaken > 0;
  }

  /** The batch to acknowledge, if that has not been done; 0 if there is none. */
  takeNewest(): number {
    if (this.#untaken === 0) return 0;
    this.#untaken = 0;
    return this.#newest;
  }
}
