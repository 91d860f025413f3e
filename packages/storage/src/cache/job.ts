import { DEFAULT_JOB_POLICY } from '@spider/core';
import type { JobId, JobPolicy, ResourceGroupId, TimestampMs } from '@spider/core';
import { NO_METADATA } from '../job-metadata.ts';
import type { JobMetadata } from '../job-metadata.ts';
import { JobJournal } from '../journal/job-journal.ts';
import type { JobMachine } from '../machine/job-machine.ts';
import type { JobPlace } from '../queue/job-place.ts';
import type { JobStatus } from './job-status.ts';
import type { JobWatch } from './job-watch.ts';

export interface JobOptions {
  readonly id: JobId;
  readonly resourceGroupId: ResourceGroupId;
  readonly machine: JobMachine;
  readonly submittedAt: TimestampMs;
  readonly startedAt?: TimestampMs | undefined;
  readonly metadata?: JobMetadata | undefined;
  readonly policy?: JobPolicy | undefined;
  readonly retryOf?: JobId | undefined;
  readonly endReason?: string | undefined;
  readonly errorMessage?: string | undefined;
}

/** A job in memory: its machine, and what the edges of storage know of it. */
export class Job {
  readonly id: JobId;
  /** The ids as numbers, for where there are many of them. */
  readonly number: number;
  readonly resourceGroupId: ResourceGroupId;
  readonly resourceGroupNumber: number;
  readonly machine: JobMachine;
  readonly journal: JobJournal;
  readonly submittedAt: TimestampMs;
  readonly metadata: JobMetadata;
  readonly policy: JobPolicy;
  readonly retryOf: JobId | undefined;
  startedAt: TimestampMs | undefined;
  endedAt: TimestampMs | undefined;
  errorMessage: string | undefined;
  endReason: string | undefined;
  /** Its machine has contradicted itself and is not to be used any more. */
  isBroken = false;
  /** It hands out nothing before this append of the journal is flushed; 0 for nothing to wait for. */
  heldUntil = 0;
  /** It was read back, and hands out nothing before all have said what they hold of it. */
  isSettling = false;
  /** Its place in the inbound queue. */
  place: JobPlace<Job> | undefined;
  readonly watches = new Set<JobWatch>();
  /** Told after every event, while reports wait for others; see `JobMachine.mustWait`. */
  readonly waitingReports = new Set<() => void>();
  /** Told when a recall has ended, while leases wait for it. */
  readonly waitingLeases = new Set<() => void>();
  /** Bytes of memory that its outputs took at the last look. */
  outputBytes = 0;
  #flushedTasks = 0;

  constructor(options: JobOptions) {
    this.id = options.id;
    this.number = Number(options.id);
    this.resourceGroupId = options.resourceGroupId;
    this.resourceGroupNumber = Number(options.resourceGroupId);
    this.machine = options.machine;
    this.journal = new JobJournal(options.id);
    this.submittedAt = options.submittedAt;
    this.startedAt = options.startedAt;
    this.metadata = options.metadata ?? NO_METADATA;
    this.policy = options.policy ?? DEFAULT_JOB_POLICY;
    this.retryOf = options.retryOf;
    this.endReason = options.endReason;
    this.errorMessage = options.errorMessage;
  }

  /** Regular tasks whose success survives whatever happens to storage. */
  get flushedTasks(): number {
    return this.#flushedTasks;
  }

  /** So many are durable now; those who watch are told. */
  tasksFlushed(count: number): void {
    if (count <= this.#flushedTasks) return;
    this.#flushedTasks = count;
    for (const watch of this.watches) watch.changed();
  }

  get isHeld(): boolean {
    return this.heldUntil > 0;
  }

  status(): JobStatus {
    const progress = this.machine.progress();
    return {
      id: this.id,
      resourceGroupId: this.resourceGroupId,
      state: this.machine.state,
      totalTasks: progress.totalTasks,
      succeededTasks: progress.succeededTasks,
      flushedTasks: this.#flushedTasks,
      failedTasks: progress.failedTasks,
      skippedTasks: progress.skippedTasks,
      runningTasks: progress.runningTasks,
      readyTasks: progress.readyTasks,
      failedAttempts: progress.failedAttempts,
      errorMessage: this.errorMessage,
      endReason: this.endReason,
      submittedAt: this.submittedAt,
      startedAt: this.startedAt,
      endedAt: this.endedAt,
      metadata: this.metadata,
      policy: this.policy,
      retryOf: this.retryOf,
    };
  }
}
