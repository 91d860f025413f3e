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
  /** The last batch that each task was assigned in. */
  readonly batchOfTask: Map<number, AssignmentBatch>;
  /** Tasks whose leases were asked for more than once: how many answers are to come after the next. */
  readonly askedAgain: Map<number, number>;
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
   * Enters tasks as belonging to a batch; their leases are to be asked for. A task may be assigned
   * again before its lease is answered, by a scheduler that had given the first batch up or because
   * one more instance is wanted. It is of the later batch then, and waits for both answers: the
   * scheduler forgets a task that is acknowledged, so storage must have heard of it by then.
   */
  add(batch: AssignmentBatch, { jobId, resourceGroupId, taskIndexes }: JobTasks): void {
    const { batchOfTask, askedAgain } = this.#leasesOf(jobId, resourceGroupId);
    for (let i = 0; i < taskIndexes.length; i += 1) {
      const taskIndex = taskIndexes[i] as number;
      const earlier = batchOfTask.get(taskIndex);
      batchOfTask.set(taskIndex, batch);
      batch.unanswered += 1;
      if (earlier === undefined) continue;
      askedAgain.set(taskIndex, (askedAgain.get(taskIndex) ?? 0) + 1);
      this.#tookOne(earlier);
    }
    this.#count += taskIndexes.length;
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
      count += 1;
      askedAtUs ??= batch.askedAtUs;
      if (leases.askedAgain.size > 0 && takeOneAgain(leases.askedAgain, taskIndex)) continue;
      leases.batchOfTask.delete(taskIndex);
      this.#tookOne(batch);
    }
    this.#count -= count;
    if (leases.batchOfTask.size === 0) this.#jobs.delete(jobId);
    return { count, askedAtUs };
  }

  /** All that is not answered, to be asked for again; as often as it was asked for. */
  unanswered(): JobTasks[] {
    const all: JobTasks[] = [];
    for (const [jobId, { resourceGroupId, batchOfTask, askedAgain }] of this.#jobs) {
      let open = [...batchOfTask.keys()];
      for (let times = 1; open.length > 0; times += 1) {
        all.push(toJobTasks(jobId, resourceGroupId, open));
        open = open.filter((taskIndex) => (askedAgain.get(taskIndex) ?? 0) >= times);
      }
    }
    return all;
  }

  /** Forgets everything; no batch is completed by that. */
  clear(): void {
    this.#jobs.clear();
    this.#count = 0;
  }

  #tookOne(batch: AssignmentBatch): void {
    batch.unanswered -= 1;
    if (batch.unanswered === 0) this.#onComplete(batch);
  }

  #leasesOf(jobId: bigint, resourceGroupId: bigint): JobLeases {
    let leases = this.#jobs.get(jobId);
    if (leases === undefined) {
      leases = { resourceGroupId, batchOfTask: new Map(), askedAgain: new Map() };
      this.#jobs.set(jobId, leases);
    }
    return leases;
  }
}

/** Answers whether more answers are to come after this one. */
function takeOneAgain(askedAgain: Map<number, number>, taskIndex: number): boolean {
  const times = askedAgain.get(taskIndex);
  if (times === undefined) return false;
  if (times === 1) askedAgain.delete(taskIndex);
  else askedAgain.set(taskIndex, times - 1);
  return true;
}

function toJobTasks(jobId: bigint, resourceGroupId: bigint, taskIndexes: number[]): JobTasks {
  const tasks = create(JobTasksSchema);
  tasks.jobId = jobId;
  tasks.resourceGroupId = resourceGroupId;
  tasks.taskIndexes = taskIndexes;
  return tasks;
}
