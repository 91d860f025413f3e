const CELLS = 1 << 16;
const RECORD_BYTES = 120;
const PAGE_BYTES = 64 * 1024;
const KEPT = 256;
const LOOKUPS = 6;

/** One of the small objects that a step makes, as batches and messages are made. */
interface Note {
  readonly cell: number;
  readonly count: number;
  readonly record: Uint8Array;
}

/**
 * Work that does not change with the code that is measured, of the same kind: columns of numbers read out
 * of order, objects that live for a moment, bytes copied from one page to another. What a machine is worth
 * at the time is the processor time that a step of it takes.
 */
export class CalibrationLoop {
  readonly #next = new Uint32Array(CELLS);
  readonly #counts = new Uint16Array(CELLS);
  readonly #source = Buffer.alloc(PAGE_BYTES, 1);
  readonly #target = Buffer.alloc(PAGE_BYTES);
  readonly #notes: (Note | undefined)[] = Array.from({ length: KEPT });
  #cell = 0;

  constructor() {
    // One cycle through all the cells, in an order that no processor foresees.
    for (let cell = 0; cell < CELLS; cell++) {
      this.#next[cell] = (Math.imul(cell, 1_664_525) + 1_013_904_223) & (CELLS - 1);
    }
  }

  /** @returns a number that depends on everything that was done. */
  run(steps: number): number {
    const next = this.#next;
    const counts = this.#counts;
    let cell = this.#cell;
    let sum = 0;
    for (let step = 0; step < steps; step++) {
      let count = 0;
      for (let i = 0; i < LOOKUPS; i++) {
        cell = next[cell] ?? 0;
        count += counts[cell] = ((counts[cell] ?? 0) + 1) & 0xfff;
      }
      const at = (step * RECORD_BYTES) % (PAGE_BYTES - RECORD_BYTES);
      this.#target.set(
        this.#source.subarray(at, at + RECORD_BYTES),
        PAGE_BYTES - RECORD_BYTES - at,
      );
      const record = this.#target.subarray(at, at + RECORD_BYTES);
      const slot = step & (KEPT - 1);
      sum += this.#notes[slot]?.count ?? 0;
      this.#notes[slot] = { cell, count, record };
    }
    this.#cell = cell;
    return sum;
  }
}
