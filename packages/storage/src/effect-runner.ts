import {
  encodeSerializedOutputs,
  isFinalJobState,
  JobState,
  jobStateName,
  LIMITS,
  SpiderError,
} from '@spider/core';
import type { Durability, Zstd } from '@spider/core';
import type { Clock, Logger } from '@spider/runtime';
import type { Job } from './cache/job.ts';
import type { JobCache } from './cache/job-cache.ts';
import { storedJobStatus } from './cache/job-status.ts';
import type { JobStatus } from './cache/job-status.ts';
import type { JobStateChange, JobStore } from './db/job-store.ts';
import { SupersededError } from './db/store-error.ts';
import { countSuccesses, encodeJournalRecords } from './journal/journal-record.ts';
import type { Journal } from './journal/journal.ts';
import { describeDeadline } from './job-deadline.ts';
import type { JobDeadlines } from './lease/job-deadlines.ts';
import type { SlowInstances } from './lease/running-instances.ts';
import type { SoftTimeouts } from './lease/soft-timeouts.ts';
import type {
  CancelledEffect,
  JobEffect,
  JournalEffect,
  PersistEffect,
  PublishedEffect,
  RetryLaterEffect,
  RecallEffect,
  RefusedEffect,
} from './machine/job-effect.ts';
import { LeaseRefusal } from './machine/job-effect.ts';
import type { JobEvent } from './machine/job-event.ts';
import type { WorkerLink } from './ports.ts';
import { describeTask } from './describe-task.ts';
import { JobRequests } from './job-requests.ts';
import type { InboundQueue } from './queue/inbound-queue.ts';
import type { TaskInstances } from './task-instances.ts';

export interface EffectRunnerOptions {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly zstd: Zstd;
  readonly store: Pick<JobStore, 'findJob'>;
  readonly cache: JobCache;
  readonly queue: InboundQueue;
  readonly journal: Journal;
  readonly instances: TaskInstances;
  readonly softTimeouts: SoftTimeouts;
  readonly deadlines: Pick<JobDeadlines, 'watch' | 'forget'>;
  /** Of jobs that have none of their own. */
  readonly durability: Durability;
  /** The stream of an execution manager, while there is one. */
  readonly link: (executionManager: number) => WorkerLink | undefined;
  /** Tasks of a job are to be tried again later. */
  readonly onRetryLater?: ((job: Job, effect: RetryLaterEffect) => void) | undefined;
  /** Something has happened to a job. */
  readonly onHandled?: ((job: Job) => void) | undefined;
  /** The inbound queue has something. */
  readonly onReady: () => void;
  readonly onEnded: (job: Job) => void;
  /** Outputs of a job are to be read back. */
  readonly onRecall: (job: Job, effect: RecallEffect) => void;
}

/** Instances that an execution manager holds, and that were issued at the same time. */
export interface HeldInstances extends SlowInstances {
  /** How long ago; 0 if that is not known. */
  readonly ageMs: number;
}

/**
 * Feeds events to the machines of jobs and does what they ask for. A change of a job's state is made
 * durable first, then told to the machine, then to the scheduler and whoever watches. What goes
 * wrong inside one machine ends its job alone.
 */
export class EffectRunner {
  readonly #options: EffectRunnerOptions;
  readonly #requests = new JobRequests();
  /** Jobs that hand out nothing until their records are flushed. */
  readonly #held = new Set<Job>();

  constructor(options: EffectRunnerOptions) {
    this.#options = options;
    options.journal.onFlush(() => this.#releaseHeld());
  }

  /** Starts and cancels that wait for the database. */
  get requestCount(): number {
    return this.#requests.size;
  }

  handle(job: Job, event: JobEvent): void {
    this.#handle(job, event);
  }

  /** As `handle`, of an event that nobody who watches the job sees anything of. */
  note(job: Job, event: JobEvent): void {
    for (const effect of this.#apply(job, event)) this.#run(job, effect);
  }

  /**
   * An execution manager asks for instances of some tasks.
   *
   * @returns how many at the end are to be asked for anew; what came before them fills a message.
   */
  lease(job: Job, executionManager: number, taskIndices: number[]): number {
    const firstInstance = this.#options.instances.peek(taskIndices.length);
    const event = { type: 'lease', executionManager, taskIndices, firstInstance } as const;
    for (const effect of this.#handle(job, event)) {
      if (effect.type === 'contexts') return effect.left;
    }
    return 0;
  }

  /**
   * Starts or cancels a job. Resolves, when it is durable, with the job's state.
   *
   * @param reason why it is cancelled.
   * @throws SpiderError 'failed-precondition' if the job's state does not allow it.
   */
  request(job: Job, type: 'start' | 'cancel', reason?: string): Promise<JobState> {
    const { request, answer } = this.#requests.open(job);
    const at = this.#options.clock.now();
    if (job.isBroken) this.#requests.rejectAllOf(job, brokenError(job));
    else if (type === 'start') this.handle(job, { type, request, at });
    else this.handle(job, { type, request, at, reason });
    return answer;
  }

  /** An execution manager lists all that it holds of a job; see the event of this name. */
  reconcile(job: Job, executionManager: number, held: readonly HeldInstances[]): void {
    const found = job.isBroken ? [] : held.map((group) => withoutLive(job, group));
    this.handle(job, {
      type: 'reconcile',
      executionManager,
      taskIndices: held.flatMap(({ taskIndices }) => [...taskIndices]),
      instances: held.flatMap(({ instances }) => [...instances]),
    });
    for (const group of found) {
      const isKnown = group.ageMs > 0 && group.taskIndices.length > 0;
      if (isKnown) this.#options.softTimeouts.resume(job, group, group.ageMs);
    }
  }

  /** Fails a job for a reason outside its tasks. */
  fail(job: Job, message: string): void {
    this.handle(job, { type: 'fail', message, at: this.#options.clock.now() });
  }

  /** What of a job survives the death of storage. */
  durabilityOf({ policy }: Job): Durability {
    return policy.durability ?? this.#options.durability;
  }

  /**
   * A job was put into the cache.
   *
   * @param effects what its machine had asked for before.
   */
  enter(job: Job, effects: readonly JobEffect[] = []): void {
    for (const effect of effects) this.#run(job, effect);
    this.#options.deadlines.watch(job);
    this.enqueue(job);
  }

  /** The time of a job is over. */
  meetDeadline(job: Job): void {
    const message = describeDeadline(job.policy, job.startedAt);
    this.handle(job, { type: 'deadline', message, at: this.#options.clock.now() });
  }

  /** A job may have ready tasks. */
  enqueue(job: Job): void {
    if (job.isBroken || job.isHeld || job.isSettling || !job.machine.hasReady) return;
    this.#options.queue.add(job);
    this.#options.onReady();
  }

  #apply(job: Job, event: JobEvent): readonly JobEffect[] {
    if (job.isBroken) return NO_EFFECTS;
    try {
      return job.machine.handle(event);
    } catch (error) {
      void this.#breakJob(job, event, error);
      return NO_EFFECTS;
    }
  }

  #handle(job: Job, event: JobEvent): readonly JobEffect[] {
    const effects = this.#apply(job, event);
    for (const effect of effects) this.#run(job, effect);
    this.#options.onHandled?.(job);
    for (const watch of job.watches) watch.changed();
    if (job.waitingReports.size > 0) wakeReports(job);
    return effects;
  }

  #run(job: Job, effect: JobEffect): void {
    switch (effect.type) {
      case 'persist':
        void this.#persist(job, effect);
        return;
      case 'published':
        this.#publish(job, effect);
        return;
      case 'answered':
        this.#requests.resolve(effect.request, effect.state);
        return;
      case 'rejected':
        this.#requests.reject(effect.request, effect.error);
        return;
      case 'ready':
        this.enqueue(job);
        return;
      case 'contexts':
        this.#options.instances.advanceTo(effect.firstInstance + effect.taskIndices.length);
        this.#options.softTimeouts.add(job, effect);
        this.#options.link(effect.executionManager)?.contexts(job, effect);
        return;
      case 'refused':
        this.#refuse(job, effect.executionManager, effect.taskIndices);
        this.#failOverlarge(job, effect);
        return;
      case 'postponed':
        this.#options.link(effect.executionManager)?.postponed(job, effect.taskIndices);
        return;
      case 'recall':
        this.#options.onRecall(job, effect);
        return;
      case 'journal':
        this.#journal(job, effect);
        return;
      case 'cancelled':
        this.#cancel(job, effect);
        return;
      case 'retry-later':
        this.#options.onRetryLater?.(job, effect);
        return;
      case 'quarantined':
        this.#options.logger.error('a job is out of service', {
          jobId: job.id,
          reason: effect.message,
        });
        return;
      default:
        effect satisfies never;
    }
  }

  async #persist(job: Job, effect: PersistEffect): Promise<void> {
    const { to } = effect;
    try {
      const result = await this.#options.journal.commit(this.#toChange(job, effect));
      // A commit whose answer was lost is found done when it is repeated.
      if (result.kind === 'conflict' && result.state !== to) {
        const state = result.state === undefined ? 'gone' : jobStateName(result.state);
        throw new Error(`in the database the job is ${state}, not ${jobStateName(effect.from)}`);
      }
      this.handle(job, { type: 'persisted', to });
    } catch (error) {
      // No fault of the job: this process ends, and another storage goes on with it.
      if (error instanceof SupersededError) {
        this.#requests.rejectAllOf(job, error);
        return;
      }
      const message = error instanceof Error ? error.message : String(error);
      this.handle(job, { type: 'persist-failed', to, message, at: this.#options.clock.now() });
    }
  }

  #toChange(
    job: Job,
    { from, to, at, outputs, message, endReason }: PersistEffect,
  ): JobStateChange {
    const { succeededTasks, failedTasks, skippedTasks, failedAttempts } = job.machine.progress();
    return {
      jobId: job.id,
      from,
      to,
      at,
      succeededTasks,
      failedTasks,
      skippedTasks,
      failedAttempts,
      outputs: outputs && this.#serializeOutputs(outputs),
      errorMessage: message,
      endReason,
      deleteJournal: to === JobState.Succeeded || to === JobState.Cancelled,
    };
  }

  #serializeOutputs(frame: Uint8Array): Uint8Array {
    // Readers refuse to decompress more than their limit.
    if (frame.length > LIMITS.decompressedBytes) return plainOutputs(frame);
    return encodeSerializedOutputs(frame, this.#options.zstd);
  }

  #publish(job: Job, { from, to, at, message, endReason }: PublishedEffect): void {
    if (from === JobState.Ready && to === JobState.Running) {
      job.startedAt = at;
      this.#options.deadlines.watch(job);
    }
    job.errorMessage = message;
    job.endReason ??= endReason;
    // What has led to the state is durable with it; a start alone says nothing of tasks.
    if (to !== JobState.Running) job.tasksFlushed(job.machine.progress().succeededTasks);
    if (!isFinalJobState(to)) return;
    job.endedAt = at;
    this.#retire(job, job.status());
  }

  #retire(job: Job, status: JobStatus): void {
    this.#options.cache.retire(job, status);
    this.#options.softTimeouts.forget(job);
    this.#options.deadlines.forget(job);
    this.#options.onEnded(job);
    wakeLeases(job);
    for (const watch of job.watches) watch.ended();
    job.watches.clear();
  }

  /** The machine has contradicted itself. Its job fails, by the database's word; nothing else does. */
  async #breakJob(job: Job, event: JobEvent, error: unknown): Promise<void> {
    const { clock, logger, store } = this.#options;
    job.isBroken = true;
    logger.error('a job contradicts itself and fails', { jobId: job.id, event: event.type, error });
    this.#requests.rejectAllOf(job, brokenError(job));
    wakeReports(job);
    wakeLeases(job);
    if (event.type === 'lease') this.#refuse(job, event.executionManager, event.taskIndices);
    const reason = error instanceof Error ? error.message : String(error);
    const errorMessage = `internal error in storage: ${reason}`;
    try {
      // A change that was under way is decided then.
      await this.#options.journal.flush();
      const stored = await store.findJob(job.id);
      if (stored === undefined) throw new Error('the job is gone');
      if (isFinalJobState(stored.state)) {
        this.#retire(job, storedJobStatus(stored));
        return;
      }
      const at = clock.now();
      const { succeededTasks, failedTasks, skippedTasks, failedAttempts } = job.machine.progress();
      await this.#options.journal.commit({
        jobId: job.id,
        from: stored.state,
        to: JobState.Failed,
        at,
        succeededTasks,
        failedTasks,
        skippedTasks,
        failedAttempts,
        errorMessage,
        deleteJournal: false,
      });
      this.#retire(job, { ...job.status(), state: JobState.Failed, errorMessage, endedAt: at });
    } catch (failure) {
      logger.error('a broken job could not be marked as failed', { jobId: job.id, error: failure });
    }
  }

  #journal(job: Job, effect: JournalEffect): void {
    const durability = this.durabilityOf(job);
    if (durability === 'job') return;
    const records = encodeJournalRecords(effect);
    const { journal } = this.#options;
    job.journal.countSuccesses(countSuccesses(effect, job.machine.taskCount));
    journal.append(job.journal, records, effect.positions.length);
    if (durability !== 'sync') return;
    job.heldUntil = journal.appended;
    this.#held.add(job);
    journal.flushSoon();
  }

  #releaseHeld(): void {
    const { flushed } = this.#options.journal;
    for (const job of this.#held) {
      if (job.heldUntil > flushed) continue;
      job.heldUntil = 0;
      this.#held.delete(job);
      this.enqueue(job);
    }
  }

  #refuse(job: Job, executionManager: number, taskIndices: ArrayLike<number>): void {
    this.#options.link(executionManager)?.refused(job, Array.from(taskIndices));
  }

  /** A task whose inputs nobody can be sent would be handed out for ever. */
  #failOverlarge(job: Job, { taskIndices, refusals }: RefusedEffect): void {
    const at = refusals.indexOf(LeaseRefusal.InputsTooLarge);
    if (at === -1) return;
    const task = describeTask(taskIndices[at] ?? 0);
    this.fail(job, `the inputs of ${task} have more than ${LIMITS.taskPayloadBytes} bytes`);
  }

  /** Tells each execution manager which of its instances are to stop. */
  #cancel(job: Job, effect: CancelledEffect): void {
    const positionsOf = new Map<number, number[]>();
    effect.executionManagers.forEach((executionManager, position) => {
      const positions = positionsOf.get(executionManager);
      if (positions === undefined) positionsOf.set(executionManager, [position]);
      else positions.push(position);
    });
    for (const [executionManager, positions] of positionsOf) {
      this.#options.link(executionManager)?.cancelled(job, effect, positions);
    }
  }
}

const NO_EFFECTS: readonly JobEffect[] = [];

const wakeReports = (job: Job): void => wake(job.waitingReports);

/** Leases that wait for a recall are to be asked for anew. */
export const wakeLeases = (job: Job): void => wake(job.waitingLeases);

function wake(callbacks: Set<() => void>): void {
  if (callbacks.size === 0) return;
  const waiting = [...callbacks];
  callbacks.clear();
  for (const callback of waiting) callback();
}

const brokenError = (job: Job): SpiderError =>
  new SpiderError('internal', `job ${job.id} contradicts itself and is out of service`);

function plainOutputs(frame: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(frame.length + 1);
  bytes.set(frame, 1);
  return bytes;
}

/** Those of which the job did not know: the others are watched already. */
function withoutLive({ machine }: Job, { taskIndices, instances, ageMs }: HeldInstances) {
  const isNew = (position: number): boolean =>
    !machine.isLive(taskIndices[position] as number, instances[position] as number);
  return {
    taskIndices: taskIndices.filter((_, position) => isNew(position)),
    instances: instances.filter((_, position) => isNew(position)),
    ageMs,
  };
}
