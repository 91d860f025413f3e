import { setImmediate as endOfTurn } from 'node:timers/promises';

/** Something that is to happen at a time of the simulated world. */
export interface Happening {
  readonly atMs: number;
  readonly sequence: number;
  readonly callback: () => void;
  isCancelled: boolean;
}

/**
 * The one time of a simulated world. It stands still while anybody has something to do, and jumps to
 * the next happening when nobody has: computing takes no time, waiting takes no effort.
 */
export class VirtualTime {
  #nowMs = 1_700_000_000_000;
  #sequence = 0;
  readonly #heap: Happening[] = [];
  #deferred: (() => void)[] = [];

  /** Milliseconds since the epoch, with a fraction. */
  get nowMs(): number {
    return this.#nowMs;
  }

  /** Happenings of the same time come in the order in which they were planned. */
  after(delayMs: number, callback: () => void): Happening {
    const atMs = this.#nowMs + Math.max(0, delayMs);
    const happening = { atMs, sequence: this.#sequence++, callback, isCancelled: false };
    this.#push(happening);
    return happening;
  }

  /** Calls back when all that can be done without time passing, up to now, is done. */
  defer(callback: () => void): void {
    this.#deferred.push(callback);
  }

  /** Lets the world go on until the goal is reached. Answers false if the time was over before. */
  async runUntil(goal: () => boolean, limitMs: number): Promise<boolean> {
    const endMs = this.#nowMs + limitMs;
    for (;;) {
      await this.#settle();
      if (goal()) return true;
      const next = this.#pop();
      if (next === undefined || next.atMs > endMs) {
        if (next !== undefined) this.#push(next);
        this.#nowMs = Math.max(this.#nowMs, endMs);
        return false;
      }
      this.#nowMs = Math.max(this.#nowMs, next.atMs);
      next.callback();
    }
  }

  async #settle(): Promise<void> {
    for (;;) {
      // Promises are settled until there is nothing left to settle.
      await endOfTurn();
      if (this.#deferred.length === 0) return;
      const callbacks = this.#deferred;
      this.#deferred = [];
      for (const callback of callbacks) callback();
    }
  }

  #push(happening: Happening): void {
    const heap = this.#heap;
    let at = heap.push(happening) - 1;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (!isBefore(happening, heap[parent] as Happening)) break;
      heap[at] = heap[parent] as Happening;
      at = parent;
    }
    heap[at] = happening;
  }

  #pop(): Happening | undefined {
    for (;;) {
      const first = this.#popHeap();
      if (first?.isCancelled !== true) return first;
    }
  }

  #popHeap(): Happening | undefined {
    const heap = this.#heap;
    const first = heap[0];
    const last = heap.pop();
    if (first === undefined || last === undefined || first === last) return first;
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= heap.length) break;
      const right = heap[child + 1];
      if (right !== undefined && isBefore(right, heap[child] as Happening)) child++;
      if (!isBefore(heap[child] as Happening, last)) break;
      heap[at] = heap[child] as Happening;
      at = child;
    }
    heap[at] = last;
    return first;
  }
}

const isBefore = (a: Happening, b: Happening): boolean =>
  a.atMs < b.atMs || (a.atMs === b.atMs && a.sequence < b.sequence);
