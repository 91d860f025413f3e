/** Where a task stands on its way to an execution manager. */
export const Dispatch = {
  /** Nobody is wanted to lease it. */
  Idle: 0,
  /** Waits to be handed out. */
  Queued: 1,
  /** Handed out, and not leased since. */
  HandedOut: 2,
} as const;

export type Dispatch = (typeof Dispatch)[keyof typeof Dispatch];

const NONE = 0xffff_ffff;

/**
 * The tasks of one job that may be leased, first in, first out. A linked list through two columns,
 * so that a task is in it at most once and leaves it from any place in constant time.
 */
export class ReadyQueue {
  readonly #next: Uint32Array;
  readonly #previous: Uint32Array;
  readonly #dispatch: Uint8Array;
  #head = NONE;
  #tail = NONE;
  #queuedCount = 0;
  #handedOutCount = 0;

  constructor(rowCount: number) {
    this.#next = new Uint32Array(rowCount);
    this.#previous = new Uint32Array(rowCount);
    this.#dispatch = new Uint8Array(rowCount);
  }

  get queuedCount(): number {
    return this.#queuedCount;
  }

  get handedOutCount(): number {
    return this.#handedOutCount;
  }

  dispatch(row: number): Dispatch {
    return this.#dispatch[row] as Dispatch;
  }

  /** Queues a task behind all others, unless it is queued or handed out already. */
  push(row: number): void {
    if (this.#dispatch[row] !== Dispatch.Idle) return;
    this.#dispatch[row] = Dispatch.Queued;
    this.#link(row, this.#tail, NONE);
  }

  /** Takes the first task out and marks it as handed out. Only if there is one. */
  handOut(): number {
    const row = this.#head;
    this.#unlink(row);
    this.#dispatch[row] = Dispatch.HandedOut;
    this.#handedOutCount += 1;
    return row;
  }

  /** A task needs no lease any more, or has got it. */
  remove(row: number): void {
    const dispatch = this.#dispatch[row];
    if (dispatch === Dispatch.Idle) return;
    if (dispatch === Dispatch.Queued) this.#unlink(row);
    else this.#handedOutCount -= 1;
    this.#dispatch[row] = Dispatch.Idle;
  }

  /** Queues a task that was handed out in front of all others. Does nothing to another. */
  takeBack(row: number): void {
    if (this.#dispatch[row] !== Dispatch.HandedOut) return;
    this.#handedOutCount -= 1;
    this.#dispatch[row] = Dispatch.Queued;
    this.#link(row, NONE, this.#head);
  }

  /** Takes back all that were handed out, so that they go out in order of their rows. */
  takeAllBack(): void {
    for (let row = this.#dispatch.length - 1; row >= 0 && this.#handedOutCount > 0; row--) {
      this.takeBack(row);
    }
  }

  clear(): void {
    this.#dispatch.fill(Dispatch.Idle);
    this.#head = NONE;
    this.#tail = NONE;
    this.#queuedCount = 0;
    this.#handedOutCount = 0;
  }

  /** The queued rows in order; for tests and checks. */
  *queued(): Generator<number> {
    for (let row = this.#head; row !== NONE; row = this.#next[row] as number) yield row;
  }

  #link(row: number, previous: number, next: number): void {
    this.#previous[row] = previous;
    this.#next[row] = next;
    if (previous === NONE) this.#head = row;
    else this.#next[previous] = row;
    if (next === NONE) this.#tail = row;
    else this.#previous[next] = row;
    this.#queuedCount += 1;
  }

  #unlink(row: number): void {
    const previous = this.#previous[row] as number;
    const next = this.#next[row] as number;
    if (previous === NONE) this.#head = next;
    else this.#next[previous] = next;
    if (next === NONE) this.#tail = previous;
    else this.#previous[next] = previous;
    this.#queuedCount -= 1;
  }
}
