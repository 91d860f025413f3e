import type { PoolNumber, ReadyTasks, ReturnedTasks } from '../machine/dispatch-event.ts';
import type { ExecutionManagerProfile } from '../machine/execution-manager-profile.ts';

interface Pool {
  readonly resourceGroupIds: ReadonlySet<number>;
  credit: number;
}

/**
 * Tasks of a storage that knows no pools, on their way to one: each goes to a pool with credit that
 * serves its resource group, and waits here until there is one.
 */
export class HeldTasks {
  readonly #pools = new Map<PoolNumber, Pool>();
  readonly #give: (tasks: readonly ReadyTasks[], pool: PoolNumber) => void;
  #held: ReadyTasks[] = [];
  #isGiving = false;

  /** @param give Takes tasks on the credit of a pool; may grant credit before it returns. */
  constructor(give: (tasks: readonly ReadyTasks[], pool: PoolNumber) => void) {
    this.#give = give;
  }

  /** How many more tasks may be fetched. */
  get room(): number {
    if (this.#held.length > 0) return 0;
    let room = 0;
    for (const { credit } of this.#pools.values()) room += credit;
    return room;
  }

  openPool(pool: PoolNumber, { resourceGroupIds }: ExecutionManagerProfile): void {
    this.#pools.set(pool, { resourceGroupIds: new Set(resourceGroupIds), credit: 0 });
  }

  closePool(pool: PoolNumber): void {
    this.#pools.delete(pool);
  }

  grantCredit(tasks: number, pool: PoolNumber): void {
    const open = this.#pools.get(pool);
    if (open !== undefined) open.credit += tasks;
    this.#giveAll();
  }

  add(tasks: readonly (ReadyTasks | ReturnedTasks)[]): void {
    this.#held.push(...tasks);
    this.#giveAll();
  }

  #giveAll(): void {
    if (this.#isGiving) return;
    this.#isGiving = true;
    // Whatever is granted or given back meanwhile is seen in the next round.
    while (this.#giveRound());
    this.#isGiving = false;
  }

  /** Answers whether anything was given. */
  #giveRound(): boolean {
    const held = this.#held;
    this.#held = [];
    const left: ReadyTasks[] = [];
    let hasGiven = false;
    for (const entry of held) {
      const rest = this.#giveOne(entry);
      if (rest !== entry) hasGiven = true;
      if (rest !== undefined) left.push(rest);
    }
    this.#held = [...left, ...this.#held];
    return hasGiven && this.#held.length > 0;
  }

  /** Gives as much as one pool has credit for. Answers what is left. */
  #giveOne(entry: ReadyTasks): ReadyTasks | undefined {
    for (const [number, pool] of this.#pools) {
      const serves =
        pool.resourceGroupIds.size === 0 || pool.resourceGroupIds.has(entry.resourceGroupId);
      if (pool.credit === 0 || !serves) continue;
      const taskIndexes = Array.from(entry.taskIndexes);
      const count = Math.min(pool.credit, taskIndexes.length);
      pool.credit -= count;
      this.#give([{ ...entry, taskIndexes: taskIndexes.slice(0, count) }], number);
      if (count === taskIndexes.length) return undefined;
      return { ...entry, taskIndexes: taskIndexes.slice(count) };
    }
    return entry;
  }
}
