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
 * The tasks of one job that may be leased, first in, first out. Linked lists through two columns, so
 * that a task is in one of them at most once and leaves it from any place in constant time. There is
 * one list, unless tasks of some kinds are to be handed out apart from the others.
 */
export class ReadyQueue {
  readonly #next: Uint32Array;
  readonly #previous: Uint32Array;
  readonly #dispatch: Uint8Array;
  /** The list of each row; undefined if there is only one. */
  readonly #listOf: Uint8Array | undefined;
  readonly #heads: Uint32Array;
  readonly #tails: Uint32Array;
  readonly #queuedIn: Uint32Array;
  readonly #handedOutOf: Uint32Array;
  #queuedCount = 0;
  #handedOutCount = 0;

  /** @param listOf The list of each row, from 0; by default all are in list 0. */
  constructor(rowCount: number, listOf?: Uint8Array, listCount = 1) {
    this.#next = new Uint32Array(rowCount);
    this.#previous = new Uint32Array(rowCount);
    this.#dispatch = new Uint8Array(rowCount);
    this.#listOf = listOf;
    this.#heads = new Uint32Array(listCount).fill(NONE);
    this.#tails = new Uint32Array(listCount).fill(NONE);
    this.#queuedIn = new Uint32Array(listCount);
    this.#handedOutOf = new Uint32Array(listCount);
  }

  get queuedCount(): number {
    return this.#queuedCount;
  }

  get handedOutCount(): number {
    return this.#handedOutCount;
  }

  /** How many tasks of a list wait. */
  queuedIn(list: number): number {
    return this.#queuedIn[list] as number;
  }

  /** How many tasks of a list are handed out, and not leased since. */
  handedOutOf(list: number): number {
    return this.#handedOutOf[list] as number;
  }

  dispatch(row: number): Dispatch {
    return this.#dispatch[row] as Dispatch;
  }

  /** Queues a task behind all others, unless it is queued or handed out already. */
  push(row: number): void {
    if (this.#dispatch[row] !== Dispatch.Idle) return;
    this.#dispatch[row] = Dispatch.Queued;
    this.#link(row, this.#tails[this.#list(row)] as number, NONE);
  }

  /** Takes the first task of a list out and marks it as handed out. Only if there is one. */
  handOut(list = 0): number {
    const row = this.#heads[list] as number;
    this.#unlink(row);
    this.#dispatch[row] = Dispatch.HandedOut;
    this.#countHandedOut(list, 1);
    return row;
  }

  /** A task needs no lease any more, or has got it. */
  remove(row: number): void {
    const dispatch = this.#dispatch[row];
    if (dispatch === Dispatch.Idle) return;
    if (dispatch === Dispatch.Queued) this.#unlink(row);
    else this.#countHandedOut(this.#list(row), -1);
    this.#dispatch[row] = Dispatch.Idle;
  }

  /** Queues a task that was handed out in front of all others. Does nothing to another. */
  takeBack(row: number): void {
    if (this.#dispatch[row] !== Dispatch.HandedOut) return;
    const list = this.#list(row);
    this.#countHandedOut(list, -1);
    this.#dispatch[row] = Dispatch.Queued;
    this.#link(row, NONE, this.#heads[list] as number);
  }

  /** Takes back all that were handed out, so that they go out in order of their rows. */
  takeAllBack(): void {
    for (let row = this.#dispatch.length - 1; row >= 0 && this.#handedOutCount > 0; row--) {
      this.takeBack(row);
    }
  }

  clear(): void {
    this.#dispatch.fill(Dispatch.Idle);
    this.#heads.fill(NONE);
    this.#tails.fill(NONE);
    this.#queuedIn.fill(0);
    this.#handedOutOf.fill(0);
    this.#queuedCount = 0;
    this.#handedOutCount = 0;
  }

  /** The queued rows, list by list, in order; for tests and checks. */
  *queued(): Generator<number> {
    for (const head of this.#heads) {
      for (let row = head; row !== NONE; row = this.#next[row] as number) yield row;
    }
  }

  #list(row: number): number {
    return this.#listOf === undefined ? 0 : (this.#listOf[row] as number);
  }

  #countHandedOut(list: number, change: number): void {
    this.#handedOutCount += change;
    this.#handedOutOf[list] = (this.#handedOutOf[list] as number) + change;
  }

  #link(row: number, previous: number, next: number): void {
    const list = this.#list(row);
    this.#previous[row] = previous;
    this.#next[row] = next;
    if (previous === NONE) this.#heads[list] = row;
    else this.#next[previous] = row;
    if (next === NONE) this.#tails[list] = row;
    else this.#previous[next] = row;
    this.#queuedIn[list] = (this.#queuedIn[list] as number) + 1;
    this.#queuedCount += 1;
  }

  #unlink(row: number): void {
    const list = this.#list(row);
    const previous = this.#previous[row] as number;
    const next = this.#next[row] as number;
    if (previous === NONE) this.#heads[list] = next;
    else this.#next[previous] = next;
    if (next === NONE) this.#tails[list] = previous;
    else this.#previous[next] = previous;
    this.#queuedIn[list] = (this.#queuedIn[list] as number) - 1;
    this.#queuedCount -= 1;
  }
}
