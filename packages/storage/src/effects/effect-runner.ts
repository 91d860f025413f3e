import { LIMITS } from '@spider/core';
import type { Durability, JobState, Zstd } from '@spider/core';
import type { Clock, Logger } from '@spider/runtime';
import type { Job } from '../cache/job.ts';
import type { JobCache } from '../cache/job-cache.ts';
import type { JobStore } from '../db/job-store.ts';
import { describeTask } from '../describe-task.ts';
import { describeDeadline } from '../job-deadline.ts';
import type { Journal } from '../journal/journal.ts';
import type { JobDeadlines } from '../lease/job-deadlines.ts';
import type { SoftTimeouts } from '../lease/soft-timeouts.ts';
import { LeaseRefusal } from '../machine/job-effect.ts';
import type {
  JobEffect,
  RecallEffect,
  RefusedEffect,
  RetryLaterEffect,
} from '../machine/job-effect.ts';
import type { CancelEvent, JobEvent } from '../machine/job-event.ts';
import type { WorkerLink } from '../ports.ts';
import type { InboundQueue } from '../queue/inbound-queue.ts';
import type { TaskInstances } from '../task-instances.ts';
import { AttemptJournal } from './attempt-journal.ts';
import { BrokenJobs, brokenError } from './broken-jobs.ts';
import { withoutLive } from './held-instances.ts';
import type { HeldInstances } from './held-instances.ts';
import { JobPublisher } from './job-publisher.ts';
import { JobRequests } from './job-requests.ts';
import { StatePersister } from './state-persister.ts';
import { wakeLeases, wakeReports } from './wake.ts';
import { WorkerMessages } from './worker-messages.ts';

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

/** How a job is cancelled. */
export type CancelOptions = Pick<CancelEvent, 'reason' | 'skipCleanup'>;

/**
 * Feeds events to the machines of jobs and does what they ask for. A change of a job's state is made
 * durable first, then told to the machine, then to the scheduler and whoever watches. What goes
 * wrong inside one machine ends its job alone.
 */
export class EffectRunner {
  readonly #options: EffectRunnerOptions;
  readonly #requests = new JobRequests();
  readonly #persister: StatePersister;
  readonly #publisher: JobPublisher;
  readonly #brokenJobs: BrokenJobs;
  readonly #attempts: AttemptJournal;
  readonly #messages: WorkerMessages;

  constructor(options: EffectRunnerOptions) {
    const { clock, logger, zstd, store, journal, durability } = options;
    this.#options = options;
    this.#persister = new StatePersister({
      clock,
      zstd,
      journal,
      onDecided: (job, event) => this.handle(job, event),
      onSuperseded: (job, error) => this.#requests.rejectAllOf(job, error),
    });
    const publisher = new JobPublisher(options);
    this.#publisher = publisher;
    this.#brokenJobs = new BrokenJobs({ clock, logger, store, journal, publisher });
    this.#attempts = new AttemptJournal({
      journal,
      durability,
      onReleased: (job) => this.enqueue(job),
    });
    this.#messages = new WorkerMessages(options);
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
   * @param cancel how it is cancelled.
   * @throws SpiderError 'failed-precondition' if the job's state does not allow it.
   */
  request(job: Job, type: 'start' | 'cancel', cancel: CancelOptions = {}): Promise<JobState> {
    const { request, answer } = this.#requests.open(job);
    const at = this.#options.clock.now();
    if (job.isBroken) this.#requests.rejectAllOf(job, brokenError(job));
    else if (type === 'start') this.handle(job, { type, request, at });
    else this.handle(job, { ...cancel, type, request, at });
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
  durabilityOf(job: Job): Durability {
    return this.#attempts.durabilityOf(job);
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

  /** A job has been waiting for its cleanup. Its status may say why. */
  giveUpCleanup(job: Job, message: string): void {
    const reason = this.#options.cache.status(job.id)?.waitingReason;
    const because = reason === undefined ? message : `${message}: ${reason}`;
    const at = this.#options.clock.now();
    this.handle(job, { type: 'cleanup-overdue', message: because, at });
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
      this.#break(job, event, error);
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
        void this.#persister.persist(job, effect);
        return;
      case 'published':
        this.#publisher.publish(job, effect);
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
        this.#messages.contexts(job, effect);
        return;
      case 'refused':
        this.#messages.refused(job, effect.executionManager, effect.taskIndices);
        this.#failOverlarge(job, effect);
        return;
      case 'postponed':
        this.#messages.postponed(job, effect);
        return;
      case 'cancelled':
        this.#messages.cancelled(job, effect);
        return;
      case 'recall':
        this.#options.onRecall(job, effect);
        return;
      case 'journal':
        this.#attempts.append(job, effect);
        return;
      case 'retry-later':
        this.#options.onRetryLater?.(job, effect);
        return;
      case 'quarantined':
        this.#quarantined(job, effect.message);
        return;
      default:
        effect satisfies never;
    }
  }

  /** A task whose inputs nobody can be sent would be handed out for ever. */
  #failOverlarge(job: Job, { taskIndices, refusals }: RefusedEffect): void {
    const at = refusals.indexOf(LeaseRefusal.InputsTooLarge);
    if (at === -1) return;
    const task = describeTask(taskIndices[at] ?? 0);
    this.fail(job, `the inputs of ${task} have more than ${LIMITS.taskPayloadBytes} bytes`);
  }

  #quarantined(job: Job, reason: string): void {
    this.#options.logger.error('a job is out of service', { jobId: job.id, reason });
  }

  /** The machine has contradicted itself. Its job fails, by the database's word; nothing else does. */
  #break(job: Job, event: JobEvent, error: unknown): void {
    const { logger } = this.#options;
    job.isBroken = true;
    logger.error('a job contradicts itself and fails', { jobId: job.id, event: event.type, error });
    this.#requests.rejectAllOf(job, brokenError(job));
    wakeReports(job);
    wakeLeases(job);
    if (event.type === 'lease') {
      this.#messages.refused(job, event.executionManager, event.taskIndices);
    }
    void this.#brokenJobs.fail(job, error);
  }
}

const NO_EFFECTS: readonly JobEffect[] = [];
