import { type Eligibility, type Labels, labelsMeet } from '@spider/core';

/** What some execution managers may run. */
export interface PoolProfile {
  readonly labels: Labels;
  /** The only resource groups that they serve; none stands for all. */
  readonly resourceGroupIds: readonly number[];
}

/** The pool of whoever knows no pools. */
const GENERAL_POOL = 0;

/** Execution managers of a scheduler that are alike in what they may run. */
export class ExecutionManagerPool implements Eligibility {
  readonly number: number;
  readonly labels: Labels;
  readonly resourceGroupIds: ReadonlySet<number> | undefined;
  /** How many more tasks they take. */
  credit = 0;
  /** By requirement, whether their labels meet it. */
  readonly #meets = new Map<string, boolean>();

  constructor(number: number, { labels, resourceGroupIds }: PoolProfile) {
    this.number = number;
    this.labels = labels;
    this.resourceGroupIds = resourceGroupIds.length === 0 ? undefined : new Set(resourceGroupIds);
  }

  meets(requirement: string): boolean {
    if (requirement === '') return true;
    const known = this.#meets.get(requirement);
    if (known !== undefined) return known;
    if (this.#meets.size >= REMEMBERED_REQUIREMENTS) this.#meets.clear();
    const required = Object.fromEntries(JSON.parse(requirement) as [string, string][]);
    const meets = labelsMeet(this.labels, required);
    this.#meets.set(requirement, meets);
    return meets;
  }

  serves(resourceGroupId: number): boolean {
    return this.resourceGroupIds?.has(resourceGroupId) ?? true;
  }
}

const REMEMBERED_REQUIREMENTS = 1024;

/** The pools of one scheduler. */
export class ExecutionManagerPools {
  readonly #pools = new Map<number, ExecutionManagerPool>();

  get size(): number {
    return this.#pools.size;
  }

  all(): IterableIterator<ExecutionManagerPool> {
    return this.#pools.values();
  }

  has(pool: number): boolean {
    return this.#pools.has(pool);
  }

  open(pool: number, profile: PoolProfile): void {
    this.#pools.set(pool, new ExecutionManagerPool(pool, profile));
  }

  close(pool: number): void {
    this.#pools.delete(pool);
  }

  /** Answers whether there is such a pool; the general one is there for whoever asks. */
  grant(pool: number, tasks: number): boolean {
    if (pool === GENERAL_POOL && !this.#pools.has(pool)) {
      this.open(pool, { labels: {}, resourceGroupIds: [] });
    }
    const open = this.#pools.get(pool);
    if (open !== undefined) open.credit += tasks;
    return open !== undefined;
  }
}
