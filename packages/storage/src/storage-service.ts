import type { ConnectRouter, Interceptor } from '@connectrpc/connect';
import { LIMITS, SpiderError } from '@spider/core';
import type { JobId, SessionId, Zstd } from '@spider/core';
import {
  ClusterService,
  JobService,
  LoginService,
  ReadyTaskService,
  WorkerService,
} from '@spider/proto';
import type { Clock, Logger, PasswordHasher, Rng, Service } from '@spider/runtime';
import type { Job } from './cache/job.ts';
import { JobCache } from './cache/job-cache.ts';
import { heartbeatCutoffMs, retentionTimes, silenceMs } from './config.ts';
import type { StorageConfig } from './config.ts';
import { newCounters } from './counters.ts';
import type { Store } from './db/job-store.ts';
import { EffectRunner } from './effects/effect-runner.ts';
import { wakeLeases } from './effects/wake.ts';
import { Jobs } from './jobs.ts';
import { Journal } from './journal/journal.ts';
import { JobDeadlines } from './lease/job-deadlines.ts';
import type { JobJournal } from './journal/job-journal.ts';
import type { WriterRight } from './lease/writer-lease-keeper.ts';
import { RetryDelays } from './lease/retry-delays.ts';
import { SoftTimeouts } from './lease/soft-timeouts.ts';
import { ExecutionManagerRegistry } from './liveness/execution-manager-registry.ts';
import { OwedReports } from './liveness/owed-reports.ts';
import { OutputMemory } from './memory/output-memory.ts';
import { OutputReader } from './memory/output-reader.ts';
import { ConcurrencyLimits } from './queue/concurrency-limits.ts';
import { InboundQueue } from './queue/inbound-queue.ts';
import { LongWork } from './long-work.ts';
import { Lane } from './queue/lane.ts';
import { ReadyTaskFeed } from './queue/ready-task-feed.ts';
import { waitingReason } from './queue/waiting-reason.ts';
import { ReadyTaskPolls } from './queue/ready-task-polls.ts';
import { recoverJobs } from './recovery/recover-jobs.ts';
import { PeerRetention } from './retention/peer-retention.ts';
import { JobRetention } from './retention/job-retention.ts';
import { callerInterceptor } from './rpc/caller.ts';
import { createClusterService } from './rpc/cluster-service.ts';
import type { ServerIdentity } from './rpc/cluster-service.ts';
import { createJobService } from './rpc/job-service.ts';
import { createLoginService } from './rpc/login-service.ts';
import { Logins } from './resource-group/logins.ts';
import { ResourceGroups } from './resource-group/resource-groups.ts';
import { addReferenceRoutes } from './rpc/reference/routes.ts';
import { createReadyTaskService } from './rpc/ready-task-service.ts';
import { createWorkerService } from './rpc/worker-service.ts';
import { ByteBudget } from './submission/byte-budget.ts';
import type { StorageUsage } from './storage-usage.ts';
import { TaskInstances } from './task-instances.ts';

export interface StorageServiceOptions {
  readonly config: StorageConfig;
  /** Stays the caller's to dispose of, after the service. */
  readonly store: Store;
  readonly clock: Clock;
  readonly rng: Rng;
  readonly logger: Logger;
  readonly zstd: Zstd;
  readonly passwords: PasswordHasher;
  /** What is told of this storage to those who ask. */
  readonly identity: ServerIdentity;
  /** By default it is always sure. */
  readonly right?: WriterRight;
}

const MIB = 1024 * 1024;

const expiryReason = ({ runtime: { retention } }: StorageConfig): string =>
  `nobody had started it ${retention.never_started_job_sec} s after its submission`;

/** What has to be read from the database before all else. */
interface Opened {
  readonly instances: TaskInstances;
  readonly groups: ResourceGroups;
  readonly logins: Logins;
}

/** All of storage but its database and its server. */
export class StorageService implements Service {
  readonly sessionId: SessionId;
  readonly counters = newCounters();
  readonly jobs: Jobs;
  /** Where a scheduler in the same process gets its tasks. */
  readonly readyTasks: ReadyTaskFeed;
  readonly #options: StorageServiceOptions;
  readonly #cache: JobCache;
  readonly #polls: ReadyTaskPolls;
  readonly #journal: Journal;
  readonly #groups: ResourceGroups;
  readonly #logins: Logins;
  readonly #registry: ExecutionManagerRegistry;
  readonly #owedReports: OwedReports;
  readonly #softTimeouts: SoftTimeouts;
  readonly #retryDelays: RetryDelays;
  readonly #deadlines: JobDeadlines;
  readonly #retention: JobRetention;
  readonly #peerRetention: PeerRetention;
  readonly #runner: EffectRunner;
  readonly #uploads: ByteBudget;
  readonly #submissions: ByteBudget;
  readonly #memory: OutputMemory;
  readonly #reader: OutputReader;
  readonly #limitedKinds: ReadonlySet<string>;
  #isClosed = false;

  private constructor(options: StorageServiceOptions, { instances, groups, logins }: Opened) {
    const { config, store, clock, rng, logger, zstd } = options;
    const { runtime } = config;
    this.#options = options;
    this.#groups = groups;
    this.#logins = logins;
    this.sessionId = store.sessionId;
    const retentionMs = runtime.job_cache_gc.terminated_job_retention_sec * 1000;
    const { limits } = runtime;
    this.#cache = new JobCache({
      clock,
      retentionMs,
      unfinishedJobsMax: limits.jobs,
      unfinishedTasksMax: limits.tasks,
      waitingReason: (job) => waitingReason(job, this.readyTasks),
    });
    this.#uploads = new ByteBudget({
      what: 'uploads',
      most: limits.uploads,
      countKey: 'runtime.limits.uploads',
      mostBytes: limits.upload_bytes,
      bytesKey: 'runtime.limits.upload_bytes',
    });
    this.#submissions = new ByteBudget({
      what: 'submissions',
      most: limits.submissions,
      countKey: 'runtime.limits.submissions',
      mostBytes: limits.submission_bytes,
      bytesKey: 'runtime.limits.submission_bytes',
    });
    const { task_kinds: taskKinds, resource_groups: resourceGroups } = runtime.concurrency;
    this.#limitedKinds = new Set(Object.keys(taskKinds));
    const concurrency = new ConcurrencyLimits({
      resourceGroups: new Map(
        Object.entries(resourceGroups).map(([id, limit]) => [Number(id), limit]),
      ),
      taskKinds: new Map(Object.entries(taskKinds)),
      onGroupFreed: (resourceGroupId) => {
        queue.release(resourceGroupId);
        this.#wakeSchedulers();
      },
      onJobFreed: (job) => this.#runner.enqueue(job),
    });
    const queue = new InboundQueue(concurrency);
    this.#journal = new Journal({
      store: store.jobs,
      clock,
      rng,
      logger,
      flushIntervalMs: runtime.journal.flush_interval_ms,
      flushRecords: runtime.journal.flush_records,
      onJournaled: (journal) => this.#journaled(journal),
      capacityBytes: limits.unflushed_bytes,
      onJobBroken: (jobId, error) => this.#failUnwritable(jobId, error),
    });
    this.#owedReports = new OwedReports(clock);
    this.#registry = new ExecutionManagerRegistry({
      clock,
      logger,
      store: store.cluster,
      streamGraceMs: runtime.execution_managers.stream_grace_ms,
      silenceMs: silenceMs(config),
      heartbeatCutoffMs: heartbeatCutoffMs(config),
      isSure: () => options.right?.isSure ?? true,
      onLost: ({ number }) => {
        this.#owedReports.settled(number);
        this.#releaseAllOf(number);
      },
    });
    this.#softTimeouts = new SoftTimeouts({
      clock,
      onDue: (job, lease) => this.#runner.handle(job, { type: 'soft-timeout', ...lease }),
    });
    const retryDelays = new RetryDelays({
      clock,
      onDue: (job, taskIndices) => this.#runner.handle(job, { type: 'retry-due', taskIndices }),
    });
    this.#retryDelays = retryDelays;
    this.#deadlines = new JobDeadlines({
      clock,
      onDue: (job) => this.#runner.meetDeadline(job),
    });
    this.#runner = new EffectRunner({
      clock,
      logger,
      zstd,
      store: store.jobs,
      cache: this.#cache,
      queue,
      instances,
      journal: this.#journal,
      softTimeouts: this.#softTimeouts,
      deadlines: this.#deadlines,
      durability: runtime.journal.durability,
      link: (executionManager) => this.#registry.link(executionManager),
      onRetryLater: (job, effect) => retryDelays.add(job, effect),
      onHandled: (job) => concurrency.changed(job),
      onReady: () => this.#wakeSchedulers(),
      onRecall: (job, effect) => this.#reader.recall(job, effect),
      onEnded: (job) => {
        this.#memory.forget(job);
        queue.remove(job);
        concurrency.ended(job);
        retryDelays.forget(job);
        this.#polls.jobEnded(job);
        this.readyTasks.jobEnded(job);
      },
    });
    this.#memory = new OutputMemory({
      logger,
      cache: this.#cache,
      runner: this.#runner,
      quotaBytes: runtime.task_outputs.memory_mb * MIB,
    });
    this.#journal.onFlush(() => this.#memory.check());
    this.#reader = new OutputReader({
      clock,
      rng,
      logger,
      store: store.jobs,
      runner: this.#runner,
      onRecalled: (job) => this.#recalled(job),
    });
    this.readyTasks = new ReadyTaskFeed({
      clock,
      logger,
      queue,
      sessionId: this.sessionId,
      register: (host, port) => store.cluster.registerScheduler(host, port, clock.now()),
      findJob: (jobId) => this.#cache.find(BigInt(jobId) as JobId),
      onHandOutsLost: (job, taskIndices) =>
        this.#runner.handle(job, { type: 'hand-outs-lost', taskIndices }),
      onPoolsChanged: () => {
        for (const job of this.#cache.jobs()) for (const watch of job.watches) watch.changed();
      },
    });
    this.#polls = new ReadyTaskPolls({
      clock,
      queue,
      handOutTimeoutMs: runtime.inbound_queue.hand_out_timeout_ms,
      capacity: {
        [Lane.Commit]: runtime.inbound_queue.commit_capacity,
        [Lane.Cleanup]: runtime.inbound_queue.cleanup_capacity,
        [Lane.Regular]: runtime.inbound_queue.task_capacity,
      },
      onHandOutsLost: (job, taskIndices) =>
        this.#runner.handle(job, { type: 'hand-outs-lost', taskIndices }),
      onPresence: (isPresent) => {
        if (isPresent) this.readyTasks.standBy();
        else this.readyTasks.resume();
      },
    });
    this.jobs = new Jobs({
      clock,
      work: new LongWork(clock),
      rng,
      store: store.jobs,
      journal: this.#journal,
      cache: this.#cache,
      runner: this.#runner,
      durability: runtime.journal.durability,
      submissions: this.#submissions,
      limitedKinds: this.#limitedKinds,
      watchIntervalMs: runtime.jobs.watch_interval_ms,
      watchesPerJob: limits.watches_per_job,
    });
    this.#peerRetention = new PeerRetention({
      clock,
      logger,
      store: store.cluster,
      retentionMs: runtime.retention.ended_process_sec * 1000,
    });
    this.#retention = new JobRetention({
      clock,
      logger,
      times: retentionTimes(config),
      oldestJobs: (state, limit) => store.jobs.listOldestJobs(state, limit),
      deleteJob: (id) => this.jobs.delete(id),
      expireJob: async (id) => void (await this.jobs.cancel(id, expiryReason(config))),
    });
  }

  /** Reads from the database what has to be known before the first request. */
  static async open(options: StorageServiceOptions): Promise<StorageService> {
    const { store, passwords, clock, rng } = options;
    const { cluster, tokenKeys } = store;
    const instances = await TaskInstances.open(() => cluster.reserveTaskInstances());
    const groups = new ResourceGroups({ store: store.resourceGroups, passwords, clock, rng });
    const tokenMs = options.config.runtime.login.token_sec * 1000;
    const logins = await Logins.open({ store: tokenKeys, groups, clock, rng, tokenMs });
    const service = new StorageService(options, { instances, groups, logins });
    try {
      await service.#registry.load();
      await service.#recover();
    } catch (error) {
      await service[Symbol.asyncDispose]();
      throw error;
    }
    options.right?.onChange((isSure) => {
      if (isSure) service.#registry.giveTime();
    });
    service.#retention.start();
    service.#peerRetention.start();
    return service;
  }

  /** Bytes of memory that the outputs of finished tasks take, of jobs that have a journal. */
  get outputBytes(): number {
    return this.#memory.totalBytes;
  }

  /** Finds out whose a call is; of a server that has these services. */
  get interceptors(): readonly Interceptor[] {
    return [callerInterceptor(this.#logins)];
  }

  /** Adds the services that clients, schedulers and execution managers call. */
  routes(router: ConnectRouter): void {
    const { clock, rng, logger, config, store, zstd, identity } = this.#options;
    router.service(
      JobService,
      createJobService({
        jobs: this.jobs,
        logger,
        uploads: {
          clock,
          budget: this.#uploads,
          idleMs: config.runtime.limits.upload_idle_ms,
        },
      }),
      { readMaxBytes: LIMITS.clientMessageBytes },
    );
    router.service(
      ClusterService,
      createClusterService({
        identity,
        clock,
        sessionId: this.sessionId,
        store: store.cluster,
        registry: this.#registry,
        cache: this.#cache,
        journal: this.#journal,
        feed: this.readyTasks,
        polls: this.#polls,
      }),
    );
    router.service(LoginService, createLoginService(this.#logins));
    router.service(ReadyTaskService, createReadyTaskService({ feed: this.readyTasks, logger }));
    router.service(
      WorkerService,
      createWorkerService({
        clock,
        logger,
        cache: this.#cache,
        runner: this.#runner,
        journal: this.#journal,
        registry: this.#registry,
        counters: this.counters,
        sessionId: this.sessionId,
        owedReports: this.#owedReports,
        heartbeatIntervalMs: config.runtime.execution_managers.heartbeat_interval_ms,
        streamGraceMs: config.runtime.execution_managers.stream_grace_ms,
        right: this.#options.right,
      }),
    );
    addReferenceRoutes(router, {
      clock,
      rng,
      logger,
      zstd,
      sessionId: this.sessionId,
      store: store.cluster,
      jobs: this.jobs,
      cache: this.#cache,
      runner: this.#runner,
      journal: this.#journal,
      registry: this.#registry,
      polls: this.#polls,
      resourceGroups: this.#groups,
    });
  }

  /** @throws SupersededError once another storage has been started on the same database. */
  async run(signal: AbortSignal): Promise<void> {
    const { promise: aborted, resolve } = Promise.withResolvers<undefined>();
    const onAbort = (): void => resolve(undefined);
    signal.addEventListener('abort', onAbort);
    if (signal.aborted) onAbort();
    const superseded = await Promise.race([aborted, this.#options.store.superseded]);
    signal.removeEventListener('abort', onAbort);
    if (superseded !== undefined) throw superseded;
  }

  /** How many of what is held for those who come and go; for tests, and for who looks after it. */
  usage(): StorageUsage {
    return {
      jobs: this.#cache.size,
      tasks: this.#cache.taskCount,
      endedJobs: this.#cache.endedCount,
      executionManagers: this.#registry.size,
      submissions: this.#submissions.count,
      uploads: this.#uploads.count,
      requests: this.#runner.requestCount,
      softTimeouts: this.#softTimeouts.size,
      deadlines: this.#deadlines.size,
      flushListeners: this.#journal.listenerCount,
      unflushedBytes: this.#journal.unflushedBytes,
    };
  }

  /** Checks the jobs in memory; for tests and the simulator. @throws InvariantError */
  validateState(): void {
    for (const { machine, isBroken } of this.#cache.jobs()) if (!isBroken) machine.validateState();
  }

  /** Takes no more submissions and makes durable all that has happened. */
  async drain(): Promise<void> {
    this.jobs.drain();
    await this.#journal.flush();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const reason = new SpiderError('unavailable', 'storage is stopping');
    this.#isClosed = true;
    this.#owedReports.close();
    this.jobs.drain();
    this.#retention[Symbol.dispose]();
    this.#peerRetention[Symbol.dispose]();
    this.#polls.close();
    this.readyTasks.close(reason);
    this.#registry.close(reason);
    this.#reader.close();
    this.#journal.close();
    this.#softTimeouts[Symbol.dispose]();
    this.#retryDelays[Symbol.dispose]();
    this.#deadlines[Symbol.dispose]();
    this.#cache.close();
  }

  /**
   * What was handed out before is not known any more. So nothing of a job that was read back is
   * handed out until the execution managers have said what they hold, or had the time to.
   */
  async #recover(): Promise<void> {
    const { clock, rng, logger, zstd, store } = this.#options;
    const jobs = await recoverJobs({
      clock,
      logger,
      zstd,
      store: store.jobs,
      cache: this.#cache,
      rng,
      runner: this.#runner,
      memory: this.#memory,
      limitedKinds: this.#limitedKinds,
    });
    for (const job of jobs) this.#deadlines.watch(job);
    void this.#enqueueLater(jobs);
  }

  async #enqueueLater(jobs: readonly Job[]): Promise<void> {
    await this.#registry.open();
    for (const job of jobs) {
      job.isSettling = false;
      this.#runner.enqueue(job);
    }
    if (jobs.length === 0) this.#owedReports.close();
    // The reports of whoever came last are still on their way.
    await this.#owedReports.whenIn(this.#options.config.runtime.execution_managers.stream_grace_ms);
    if (this.#isClosed) return;
    for (const job of jobs) this.#runner.handle(job, { type: 'claims-over' });
  }

  #wakeSchedulers(): void {
    this.#polls.wake();
    this.readyTasks.wake();
  }

  #releaseAllOf(executionManager: number): void {
    for (const job of this.#cache.jobs()) {
      this.#runner.handle(job, { type: 'execution-manager-lost', executionManager });
    }
  }

  #journaled(journal: JobJournal): void {
    const job = this.#cache.find(journal.jobId);
    if (job === undefined) return;
    const { appends, lastSequence, successes } = journal.taken;
    job.tasksFlushed(successes);
    this.#runner.note(job, { type: 'journaled', effects: appends, row: lastSequence });
    this.#memory.count(job);
  }

  /** Who waits for outputs takes them before they can leave memory again. */
  #recalled(job: Job): void {
    wakeLeases(job);
    this.#memory.count(job);
    this.#options.clock.defer(() => this.#memory.check());
  }

  #failUnwritable(jobId: JobId, error: unknown): void {
    const job = this.#cache.find(jobId);
    const reason = error instanceof Error ? error.message : String(error);
    if (job !== undefined) this.#runner.fail(job, `its journal cannot be written: ${reason}`);
  }
}
