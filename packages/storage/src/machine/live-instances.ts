import type { CancelledEffect } from './job-effect.ts';

interface Instance {
  readonly number: number;
  executionManager: number;
}

/**
 * The instances of a job's tasks that are out, and what must be remembered of those that ended. The
 * first instance of a task lies in columns; only further ones, which are rare, are objects.
 */
export class LiveInstances {
  /** Positive: the first live instance. Negative: the one whose success counted. 0: neither. */
  readonly #first: Float64Array;
  readonly #firstManager: Float64Array;
  readonly #further = new Map<number, Instance[]>();
  /** The highest instance that ended without success; made when the first one does. */
  #lastEnded: Float64Array | undefined;
  #liveCount = 0;

  constructor(rowCount: number) {
    this.#first = new Float64Array(rowCount);
    this.#firstManager = new Float64Array(rowCount);
  }

  /** Of all tasks together. */
  get liveCount(): number {
    return this.#liveCount;
  }

  count(row: number): number {
    if ((this.#first[row] as number) <= 0) return 0;
    return 1 + (this.#further.size === 0 ? 0 : (this.#further.get(row)?.length ?? 0));
  }

  isLive(row: number, instance: number): boolean {
    if (this.#first[row] === instance) return instance > 0;
    return this.#furtherOf(row, instance) !== undefined;
  }

  /** The execution manager of a live instance; −1 if it is not live. */
  managerOf(row: number, instance: number): number {
    if (!this.isLive(row, instance)) return -1;
    if (this.#first[row] === instance) return this.#firstManager[row] as number;
    return this.#furtherOf(row, instance)?.executionManager ?? -1;
  }

  add(row: number, instance: number, executionManager: number): void {
    this.#liveCount += 1;
    if ((this.#first[row] as number) <= 0) {
      this.#first[row] = instance;
      this.#firstManager[row] = executionManager;
      return;
    }
    const further = this.#further.get(row);
    if (further === undefined) this.#further.set(row, [{ number: instance, executionManager }]);
    else further.push({ number: instance, executionManager });
  }

  /** Gives a live instance to another execution manager. Answers whether there is such an instance. */
  transfer(row: number, instance: number, executionManager: number): boolean {
    if (!this.isLive(row, instance)) return false;
    if (this.#first[row] === instance) {
      this.#firstManager[row] = executionManager;
      return true;
    }
    const further = this.#furtherOf(row, instance);
    if (further === undefined) return false;
    further.executionManager = executionManager;
    return true;
  }

  /** A live instance is no more, as if it had never been. */
  remove(row: number, instance: number): void {
    this.#liveCount -= 1;
    const further = this.#further.get(row);
    if (this.#first[row] !== instance) {
      this.#setFurther(
        row,
        further?.filter((other) => other.number !== instance),
      );
      return;
    }
    const heir = further?.[0];
    this.#first[row] = heir?.number ?? 0;
    this.#firstManager[row] = heir?.executionManager ?? 0;
    this.#setFurther(row, further?.slice(1));
  }

  /** A live instance ended without success; a second report of it will be recognised. */
  end(row: number, instance: number): void {
    this.remove(row, instance);
    this.rememberEnded(row, instance);
  }

  rememberEnded(row: number, instance: number): void {
    this.#lastEnded ??= new Float64Array(this.#first.length);
    this.#lastEnded[row] = Math.max(this.#lastEnded[row] as number, instance);
  }

  /** 0 if none has. */
  lastEnded(row: number): number {
    return this.#lastEnded?.[row] ?? 0;
  }

  /** The success of an instance counts. Its siblings must have been drained before. */
  win(row: number, instance: number): void {
    if ((this.#first[row] as number) > 0) this.#liveCount -= 1;
    this.#first[row] = -instance;
  }

  /** The instance whose success counted; 0 if none has. */
  winner(row: number): number {
    const first = this.#first[row] as number;
    return first < 0 ? -first : 0;
  }

  /** Removes all live instances of a task, and lists them. */
  drain(row: number, taskIndex: number, into: CancelledEffect): void {
    const count = this.count(row);
    if (count === 0) return;
    this.visit(row, (instance, executionManager) => {
      into.executionManagers.push(executionManager);
      into.taskIndices.push(taskIndex);
      into.instances.push(instance);
    });
    this.#liveCount -= count;
    this.#first[row] = 0;
    this.#further.delete(row);
  }

  /** The live instances of a task, oldest first. The visitor must not change them. */
  visit(row: number, visitor: (instance: number, executionManager: number) => void): void {
    if ((this.#first[row] as number) <= 0) return;
    visitor(this.#first[row] as number, this.#firstManager[row] as number);
    for (const further of this.#further.get(row) ?? []) {
      visitor(further.number, further.executionManager);
    }
  }

  #furtherOf(row: number, instance: number): Instance | undefined {
    if (this.#further.size === 0) return undefined;
    return this.#further.get(row)?.find((other) => other.number === instance);
  }

  #setFurther(row: number, further: Instance[] | undefined): void {
    if (further === undefined || further.length === 0) this.#further.delete(row);
    else this.#further.set(row, further);
  }
}
