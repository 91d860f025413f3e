/** The columns run in parallel. */
export interface SlowInstances {
  readonly taskIndices: Uint32Array;
  readonly instances: Float64Array;
}

/** So many instances before it is asked which of them have ended. */
const PRUNE_AT = 1024;

/**
 * Instances of one job whose tasks have the same soft timeout: who came first is due first. In columns,
 * for there may be a million of them; those that have ended leave now and then.
 */
export class RunningInstances {
  #taskIndices: number[] = [];
  #instances: number[] = [];
  #dueUs: number[] = [];
  /** What lies before it is gone. */
  #first = 0;
  #pruneAt = PRUNE_AT;

  get length(): number {
    return this.#dueUs.length - this.#first;
  }

  /** When the first one is due; undefined if there is none. */
  get firstDueUs(): number | undefined {
    return this.#dueUs[this.#first];
  }

  /** Those of one lease are due at the same time, which is not before that of the lease before. */
  push(taskIndex: number, instance: number, dueUs: number): void {
    this.#taskIndices.push(taskIndex);
    this.#instances.push(instance);
    this.#dueUs.push(dueUs);
  }

  /** Takes out those that are due. */
  takeDue(nowUs: number): SlowInstances {
    const { length } = this.#dueUs;
    let end = this.#first;
    while (end < length && (this.#dueUs[end] as number) <= nowUs) end += 1;
    const slow = {
      taskIndices: Uint32Array.from(this.#taskIndices.slice(this.#first, end)),
      instances: Float64Array.from(this.#instances.slice(this.#first, end)),
    };
    this.#first = end;
    if (end === length || end * 2 > length) this.#keep(() => true);
    return slow;
  }

  /** Drops those that have ended, once there are many. */
  prune(isLive: (taskIndex: number, instance: number) => boolean): void {
    if (this.length < this.#pruneAt) return;
    this.#keep(isLive);
    this.#pruneAt = Math.max(PRUNE_AT, this.length * 2);
  }

  #keep(wanted: (taskIndex: number, instance: number) => boolean): void {
    let kept = 0;
    for (let at = this.#first; at < this.#dueUs.length; at++) {
      const taskIndex = this.#taskIndices[at] as number;
      const instance = this.#instances[at] as number;
      if (!wanted(taskIndex, instance)) continue;
      this.#taskIndices[kept] = taskIndex;
      this.#instances[kept] = instance;
      this.#dueUs[kept] = this.#dueUs[at] as number;
      kept += 1;
    }
    this.#taskIndices.length = kept;
    this.#instances.length = kept;
    this.#dueUs.length = kept;
    this.#first = 0;
  }
}
