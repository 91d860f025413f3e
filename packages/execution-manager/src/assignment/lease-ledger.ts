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
   * others have been asked for already, by an earlier assignment; its answer is the answer to both.
   */
  add(batch: AssignmentBatch, tasks: JobTasks): JobTasks {
    const { batchOfTask } = this.#leasesOf(tasks);
    const { taskIndexes } = tasks;
    const before = batchOfTask.size;
    let isNew = true;
    for (let i = 0; i < taskIndexes.length; i += 1) {
      const taskIndex = taskIndexes[i] as number;
      if (batchOfTask.has(taskIndex)) isNew = false;
      else batchOfTask.set(taskIndex, batch);
    }
    const added = batchOfTask.size - before;
    batch.unanswered += added;
    this.#count += added;
    if (isNew) return tasks;
    const fresh = new Set<number>();
    for (const taskIndex of taskIndexes) {
      if (batchOfTask.get(taskIndex) === batch) fresh.add(taskIndex);
    }
    return toJobTasks(tasks.jobId, tasks.resourceGroupId, [...fresh]);
  }

  /**
   * Takes leases as answered. Answers how many of them had been asked for, and since when the first
   * of them had been.
   */
  answered(
    jobId: bigint,
    taskIndexes: readonly number[],
  ): { readonly count: number; readonly askedAtUs: number | undefined } {
    const leases = this.#jobs.get(jobId);
    let count = 0;
    let askedAtUs: number | undefined;
    if (leases === undefined) return { count, askedAtUs };
    for (let i = 0; i < taskIndexes.length; i += 1) {
      const taskIndex = taskIndexes[i] as number;
      const batch = leases.batchOfTask.get(taskIndex);
      if (batch === undefined) continue;
      leases.batchOfTask.delete(taskIndex);
      count += 1;
      askedAtUs ??= batch.askedAtUs;
      batch.unanswered -= 1;
      if (batch.unanswered === 0) this.#onComplete(batch);
    }
    this.#count -= count;
    if (leases.batchOfTask.size === 0) this.#jobs.delete(jobId);
    return { count, askedAtUs };
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

  #leasesOf({ jobId, resourceGroupId }: JobTasks): JobLeases {
    let leases = this.#jobs.get(jobId);
    if (leases === undefined) {
      leases = { resourceGroupId, batchOfTask: new Map() };
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
