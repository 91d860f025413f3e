import type { Job } from '../cache/job.ts';

export interface ConcurrencyLimitsOptions {
  /** Tasks that may be out, by resource group. */
  readonly resourceGroups: ReadonlyMap<number, number>;
  /** Tasks that may be out, by kind, as package/function. */
  readonly taskKinds: ReadonlyMap<string, number>;
  /** A group may give tasks again. */
  readonly onGroupFreed: (resourceGroupId: number) => void;
  /** A job that was kept back may give tasks again. */
  readonly onJobFreed: (job: Job) => void;
}

/** What a job had out when it was last looked at. */
interface Use {
  tasks: number;
  readonly ofKind: Map<string, number>;
}

interface GroupUse {
  readonly limit: number;
  out: number;
  isHeld: boolean;
}

interface KindUse {
  readonly limit: number;
  out: number;
  /** Jobs that have ready tasks of the kind and nothing else, first come, first served. */
  readonly waiting: Set<Job>;
}

/**
 * How many tasks may be out at the same time: handed out, leased or running. Limits are of a job, of a
 * resource group and of a kind of task over all jobs. Commit and cleanup tasks always may.
 *
 * After each event of a job the difference to before is counted, so that a task costs nothing here.
 */
export class ConcurrencyLimits {
  readonly #options: ConcurrencyLimitsOptions;
  readonly #uses = new Map<Job, Use>();
  readonly #groups = new Map<number, GroupUse>();
  readonly #kinds = new Map<string, KindUse>();
  /** Jobs at their own limit that have more to give. */
  readonly #keptBack = new Set<Job>();

  constructor(options: ConcurrencyLimitsOptions) {
    this.#options = options;
    for (const [id, limit] of options.resourceGroups) {
      this.#groups.set(id, { limit, out: 0, isHeld: false });
    }
    for (const [kind, limit] of options.taskKinds) {
      this.#kinds.set(kind, { limit, out: 0, waiting: new Set() });
    }
  }

  /** How many more tasks a job may give; whatever it is, some kinds may have less. */
  room(job: Job): number {
    const { maxConcurrency } = job.metadata;
    const own = maxConcurrency === 0 ? Infinity : maxConcurrency - job.machine.outCount;
    const group = this.#groups.get(job.resourceGroupNumber);
    return group === undefined ? own : Math.min(own, group.limit - group.out);
  }

  /** How many more tasks of a kind may be given. */
  readonly kindRoom = (kind: string): number => {
    const use = this.#kinds.get(kind);
    return use === undefined ? Infinity : use.limit - use.out;
  };

  /** Whether the whole group of a job is to be passed by; it is freed later. */
  holdsGroupOf(job: Job): boolean {
    const group = this.#groups.get(job.resourceGroupNumber);
    if (group === undefined || group.out < group.limit) return false;
    group.isHeld = true;
    return true;
  }

  /** A job has ready tasks that it may not give; it is freed later. */
  keepBack(job: Job): void {
    if (this.room(job) <= 0) {
      this.#keptBack.add(job);
      return;
    }
    job.machine.visitLimitedKinds((kind) => this.#kinds.get(kind)?.waiting.add(job));
  }

  /** Something has happened to a job, or it has given tasks. */
  changed(job: Job): void {
    if (!this.#isLimited(job)) return;
    this.#count(job, job.isBroken ? 0 : job.machine.outCount, (kind) => {
      let out = 0;
      if (job.isBroken) return out;
      job.machine.visitLimitedKinds((name, count) => {
        if (name === kind) out = count;
      });
      return out;
    });
  }

  /** A job has ended. */
  ended(job: Job): void {
    if (!this.#isLimited(job)) return;
    this.#count(job, 0, () => 0);
    this.#uses.delete(job);
    this.#keptBack.delete(job);
    for (const { waiting } of this.#kinds.values()) waiting.delete(job);
  }

  #isLimited(job: Job): boolean {
    return (
      job.metadata.maxConcurrency > 0 ||
      this.#kinds.size > 0 ||
      (this.#groups.size > 0 && this.#groups.has(job.resourceGroupNumber))
    );
  }

  #count(job: Job, tasks: number, outOf: (kind: string) => number): void {
    let use = this.#uses.get(job);
    if (use === undefined) {
      use = { tasks: 0, ofKind: new Map() };
      job.machine.visitLimitedKinds((kind) => use?.ofKind.set(kind, 0));
      this.#uses.set(job, use);
    }
    for (const [kind, before] of use.ofKind) {
      const out = outOf(kind);
      use.ofKind.set(kind, out);
      this.#countKind(kind, out - before);
    }
    const change = tasks - use.tasks;
    use.tasks = tasks;
    this.#countGroup(job.resourceGroupNumber, change);
    if (change < 0 && this.#keptBack.delete(job)) this.#options.onJobFreed(job);
  }

  #countGroup(id: number, change: number): void {
    const group = this.#groups.get(id);
    if (group === undefined) return;
    group.out += change;
    if (!group.isHeld || group.out >= group.limit) return;
    group.isHeld = false;
    this.#options.onGroupFreed(id);
  }

  #countKind(kind: string, change: number): void {
    const use = this.#kinds.get(kind);
    if (use === undefined) return;
    use.out += change;
    let freed = change < 0 ? Math.min(-change, use.limit - use.out) : 0;
    for (const job of use.waiting) {
      if (freed <= 0) return;
      freed -= 1;
      use.waiting.delete(job);
      this.#options.onJobFreed(job);
    }
  }
}
