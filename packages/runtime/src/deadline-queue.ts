import type { Clock, Timer } from './clock.ts';

/** So many disarmed deadlines, and half of the heap, before they are swept out. */
const SWEEP_AT = 64;

/** One thing that must happen in time. It is made once and set again and again. */
export interface Deadline {
  /** Whether the deadline lies ahead. */
  readonly isSet: boolean;
  /** Calls back when `delayMs` have passed; replaces an earlier setting. Infinity clears it. */
  set(delayMs: number): void;
  /** Does nothing if the deadline isn't set. */
  clear(): void;
}

/**
 * Many deadlines on one timer. Deadlines that are set and cleared, or moved to a later time, over
 * and over, as timeouts are, cost next to nothing: the heap learns of it when their old time comes.
 * Adding one, or moving it to an earlier time, is O(log n).
 */
export class DeadlineQueue implements Disposable {
  readonly #clock: Clock;
  readonly #heap: QueuedDeadline[] = [];
  #sequence = 0;
  #disarmed = 0;
  #timer: Timer | undefined;
  #timerAtUs = Infinity;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Makes a deadline that isn't set. What the callback throws is thrown by the clock's timer. */
  create(callback: () => void): Deadline {
    return new QueuedDeadline(this, callback);
  }

  /** No deadline is met any more. */
  [Symbol.dispose](): void {
    for (const deadline of this.#heap) deadline.forget();
    this.#heap.length = 0;
    this.#disarmed = 0;
    this.#timer?.cancel();
    this.#timer = undefined;
  }

  /** @internal */
  schedule(deadline: QueuedDeadline, delayMs: number): void {
    if (deadline.position >= 0 && !deadline.isSet) this.#disarmed--;
    deadline.dueUs = this.#clock.monotonicUs() + delayMs * 1_000;
    if (deadline.position < 0) {
      deadline.enter(this.#sequence++);
      this.#siftUp(deadline, this.#heap.length);
    } else if (deadline.dueUs < deadline.queuedUs) {
      deadline.enter(this.#sequence++);
      this.#siftUp(deadline, deadline.position);
    }
    this.#arm();
  }

  /** @internal */
  disarm(deadline: QueuedDeadline): void {
    deadline.dueUs = Infinity;
    this.#disarmed++;
    if (this.#disarmed >= SWEEP_AT && this.#disarmed * 2 >= this.#heap.length) this.#sweep();
  }

  #arm(): void {
    const atUs = this.#heap[0]?.queuedUs ?? Infinity;
    // A timer that comes too early finds nothing to do and is set again.
    if (this.#timerAtUs <= atUs && this.#timer !== undefined) return;
    this.#timer?.cancel();
    this.#timer = undefined;
    this.#timerAtUs = atUs;
    if (atUs === Infinity) return;
    const delayMs = Math.max(0, Math.ceil((atUs - this.#clock.monotonicUs()) / 1_000));
    this.#timer = this.#clock.setTimer(delayMs, () => this.#fire());
  }

  #fire(): void {
    this.#timer = undefined;
    try {
      const nowUs = this.#clock.monotonicUs();
      for (let due = this.#takeDue(nowUs); due !== undefined; due = this.#takeDue(nowUs)) {
        due.callback();
      }
    } finally {
      this.#arm();
    }
  }

  /** Puts those that have moved to their new places on the way. */
  #takeDue(nowUs: number): QueuedDeadline | undefined {
    for (;;) {
      const first = this.#heap[0];
      if (first === undefined || first.queuedUs > nowUs) return undefined;
      this.#removeFirst();
      if (first.dueUs <= nowUs) {
        first.forget();
        return first;
      }
      if (first.isSet) {
        first.enter(this.#sequence++);
        this.#siftUp(first, this.#heap.length);
      } else {
        first.forget();
        this.#disarmed--;
      }
    }
  }

  #removeFirst(): void {
    const last = this.#heap.pop();
    if (last !== undefined && this.#heap.length > 0) this.#siftDown(last, 0);
  }

  #sweep(): void {
    const alive = this.#heap.filter((deadline) => deadline.isSet);
    for (const deadline of this.#heap) if (!deadline.isSet) deadline.forget();
    this.#heap.length = 0;
    this.#disarmed = 0;
    for (const deadline of alive) this.#siftUp(deadline, this.#heap.length);
  }

  #siftUp(deadline: QueuedDeadline, from: number): void {
    let position = from;
    while (position > 0) {
      const parentPosition = (position - 1) >> 1;
      const parent = this.#heap[parentPosition];
      if (parent === undefined || !deadline.isBefore(parent)) break;
      this.#place(parent, position);
      position = parentPosition;
    }
    this.#place(deadline, position);
  }

  #siftDown(deadline: QueuedDeadline, from: number): void {
    let position = from;
    for (;;) {
      let childPosition = 2 * position + 1;
      let child = this.#heap[childPosition];
      const right = this.#heap[childPosition + 1];
      if (child !== undefined && right?.isBefore(child)) {
        child = right;
        childPosition++;
      }
      if (child === undefined || !child.isBefore(deadline)) break;
      this.#place(child, position);
      position = childPosition;
    }
    this.#place(deadline, position);
  }

  #place(deadline: QueuedDeadline, position: number): void {
    this.#heap[position] = deadline;
    deadline.position = position;
  }
}

class QueuedDeadline implements Deadline {
  readonly #queue: DeadlineQueue;
  readonly callback: () => void;
  /** When it is to be met; Infinity while it isn't set. */
  dueUs = Infinity;
  /** When the heap looks at it, which is never after it is due. */
  queuedUs = Infinity;
  /** Its place in the heap, or −1. */
  position = -1;
  #sequence = 0;

  constructor(queue: DeadlineQueue, callback: () => void) {
    this.#queue = queue;
    this.callback = callback;
  }

  get isSet(): boolean {
    return this.dueUs !== Infinity;
  }

  set(delayMs: number): void {
    if (delayMs === Infinity) this.clear();
    else this.#queue.schedule(this, delayMs);
  }

  clear(): void {
    if (this.isSet) this.#queue.disarm(this);
  }

  enter(sequence: number): void {
    this.queuedUs = this.dueUs;
    this.#sequence = sequence;
  }

  forget(): void {
    this.dueUs = Infinity;
    this.queuedUs = Infinity;
    this.position = -1;
  }

  /** Those of the same time come in the order in which the heap learnt of it. */
  isBefore(other: QueuedDeadline): boolean {
    if (this.queuedUs !== other.queuedUs) return this.queuedUs < other.queuedUs;
    return this.#sequence < other.#sequence;
  }
}
