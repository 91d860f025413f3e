import { create } from '@bufbuild/protobuf';
import { type JobTasks, JobTasksSchema } from '@spider/proto';

/** Tasks that a scheduler assigned in one message. */
export interface AssignmentBatch {
  readonly number: number;
  /** When leases for it were first asked for. */
  readonly askedAtUs: number;
  /** Tasks of it whose leases are not answered yet. */
  unanswered: number;
}

interface JobLeases {
  readonly resourceGroupId: bigint;
  readonly batchOfTask: Map<number, AssignmentBatch>;
  /** The batches of tasks that were assigned once more before their lease was answered. */
  readonly batchOfRepetition: Map<number, AssignmentBatch>;
}

/** What the answer to leases means. */
export interface AnsweredLeases {
  /** How many of them had been asked for. */
  readonly count: number;
  /** Since when the first of them had been. */
  readonly askedAtUs: number | undefined;
}

/** Which leases are asked for and not answered, and to which batches they belong. */
export class LeaseLedger {
  readonly #jobs = new Map<bigint, JobLeases>();
  readonly #onComplete: (batch: AssignmentBatch) => void;
  #count = 0;

  /** @param onComplete is told of each batch whose last lease was answered. */
  constructor(onComplete: (batch: AssignmentBatch) => void) {
    this.#onComplete = onComplete;
  }

  /** Leases that are not answered. */
  get count(): number {
    return this.#count;
  }

  /**
   * Enters tasks as belonging to a batch, and answers those whose leases are to be asked for. The
   * others have been asked for already, by an earlier assignment.
   */
  add(batch: AssignmentBatch, tasks: JobTasks): JobTasks {
    const { batchOfTask, batchOfRepetition } = this.#leasesOf(tasks);
    const { jobId, resourceGroupId, taskIndexes } = tasks;
    const fresh: number[] = [];
    for (let i = 0; i < taskIndexes.length; i += 1) {
      const taskIndex = taskIndexes[i] as number;
      const asked = batchOfTask.get(taskIndex);
      if (asked === batch || batchOfRepetition.get(taskIndex) === batch) continue;
      batch.unanswered += 1;
      if (asked === undefined) {
        batchOfTask.set(taskIndex, batch);
        fresh.push(taskIndex);
      } else {
        this.#settle(batchOfRepetition.get(taskIndex));
        batchOfRepetition.set(taskIndex, batch);
      }
    }
    this.#count += fresh.length;
    if (fresh.length === taskIndexes.length) return tasks;
    return toJobTasks(jobId, resourceGroupId, fresh);
  }

  /** Takes leases as granted. */
  granted(jobId: bigint, taskIndexes: readonly number[]): AnsweredLeases {
    const leases = this.#jobs.get(jobId);
    let count = 0;
    let askedAtUs: number | undefined;
    if (leases === undefined) return { count, askedAtUs };
    const { batchOfTask, batchOfRepetition } = leases;
    for (let i = 0; i < taskIndexes.length; i += 1) {
      const taskIndex = taskIndexes[i] as number;
      const batch = batchOfTask.get(taskIndex);
      if (batch === undefined) continue;
      batchOfTask.delete(taskIndex);
      count += 1;
      askedAtUs ??= batch.askedAtUs;
      this.#settle(batch);
      if (batchOfRepetition.size === 0) continue;
      this.#settle(batchOfRepetition.get(taskIndex));
      batchOfRepetition.delete(taskIndex);
    }
    this.#count -= count;
    if (batchOfTask.size === 0) this.#jobs.delete(jobId);
    return { count, askedAtUs };
  }

  /**
   * Takes leases as refused. Answers also which of them are to be asked for anew: they were assigned
   * once more, perhaps after they had been refused, when nothing was in their way any longer.
   */
  refused(
    jobId: bigint,
    taskIndexes: readonly number[],
  ): AnsweredLeases & { readonly repeated: JobTasks | undefined } {
    const leases = this.#jobs.get(jobId);
    const isRepeated = (taskIndex: number): boolean =>
      leases?.batchOfRepetition.has(taskIndex) === true;
    const repeated = taskIndexes.filter(isRepeated);
    if (leases === undefined || repeated.length === 0) {
      return { ...this.granted(jobId, taskIndexes), repeated: undefined };
    }
    for (const taskIndex of repeated) {
      this.#settle(leases.batchOfTask.get(taskIndex));
      const batch = leases.batchOfRepetition.get(taskIndex);
      if (batch !== undefined) leases.batchOfTask.set(taskIndex, batch);
      leases.batchOfRepetition.delete(taskIndex);
    }
    const asked = new Set(repeated);
    return {
      ...this.granted(
        jobId,
        taskIndexes.filter((taskIndex) => !asked.has(taskIndex)),
      ),
      repeated: toJobTasks(jobId, leases.resourceGroupId, repeated),
    };
  }

  /** All that is not answered, to be asked for again. */
  unanswered(): JobTasks[] {
    return [...this.#jobs].map(([jobId, { resourceGroupId, batchOfTask }]) =>
      toJobTasks(jobId, resourceGroupId, [...batchOfTask.keys()]),
    );
  }

  /** Forgets everything; no batch is completed by that. */
  clear(): void {
    this.#jobs.clear();
    this.#count = 0;
  }

  /** One lease of a batch is answered. */
  #settle(batch: AssignmentBatch | undefined): void {
    if (batch === undefined) return;
    batch.unanswered -= 1;
    if (batch.unanswered === 0) this.#onComplete(batch);
  }

  #leasesOf({ jobId, resourceGroupId }: JobTasks): JobLeases {
    let leases = this.#jobs.get(jobId);
    if (leases === undefined) {
      leases = { resourceGroupId, batchOfTask: new Map(), batchOfRepetition: new Map() };
      this.#jobs.set(jobId, leases);
    }
    return leases;
  }
}

function toJobTasks(jobId: bigint, resourceGroupId: bigint, taskIndexes: number[]): JobTasks {
  const tasks = create(JobTasksSchema);
  tasks.jobId = jobId;
  tasks.resourceGroupId = resourceGroupId;
  tasks.taskIndexes = taskIndexes;
  return tasks;
}
