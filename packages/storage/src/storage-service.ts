import type { ConnectRouter } from '@connectrpc/connect';
import { SpiderError } from '@spider/core';
import type { SessionId } from '@spider/core';
import type { Authenticator, CallGuard, PasswordHasher, Service } from '@spider/runtime';
import { silenceMs } from './config.ts';
import { newCounters } from './counters.ts';
import { toJobRules } from './job-rules.ts';
import type { JobRules } from './job-rules.ts';
import type { Jobs } from './jobs.ts';
import { NOT_SURE } from './lease/writer-lease-keeper.ts';
import type { ReadyTaskFeed } from './queue/ready-task-feed.ts';
import { recoverJobs } from './recovery/recover-jobs.ts';
import { resumeJobs } from './recovery/resume-jobs.ts';
import { FailedLogins } from './resource-group/failed-logins.ts';
import { Logins } from './resource-group/logins.ts';
import { ResourceGroups } from './resource-group/resource-groups.ts';
import { callerGuard, noteCaller } from './rpc/caller.ts';
import type { ServerIdentity } from './rpc/cluster-service.ts';
import { addStorageRoutes } from './rpc/storage-routes.ts';
import { newStorageParts } from './storage-parts.ts';
import type { StorageParts, StoragePartsOptions } from './storage-parts.ts';
import type { StorageUsage } from './storage-usage.ts';
import { TaskInstances } from './task-instances.ts';

export interface StorageServiceOptions extends StoragePartsOptions {
  readonly passwords: PasswordHasher;
  /** What is told of this storage to those who ask. */
  readonly identity: ServerIdentity;
  /** Finds out who calls; by default nobody is asked. */
  readonly authenticator?: Authenticator;
}

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
  readonly #groups: ResourceGroups;
  readonly #logins: Logins;
  readonly #rules: JobRules;
  readonly #parts: StorageParts;
  readonly #stop = new AbortController();

  private constructor(options: StorageServiceOptions, { instances, groups, logins }: Opened) {
    const { config, store } = options;
    this.#options = options;
    this.#groups = groups;
    this.#logins = logins;
    this.#rules = toJobRules(config);
    this.#parts = newStorageParts(options, instances, this.#rules);
    this.sessionId = store.sessionId;
    this.jobs = this.#parts.jobs;
    this.readyTasks = this.#parts.scheduling.feed;
  }

  /** Reads from the database what has to be known before the first request. */
  static async open(options: StorageServiceOptions): Promise<StorageService> {
    const { config, store, passwords, clock, rng, right } = options;
    const { cluster, tokenKeys } = store;
    const instances = await TaskInstances.open(() => cluster.reserveTaskInstances());
    const groups = new ResourceGroups({
      store: store.resourceGroups,
      passwords,
      clock,
      rng,
      waitingMax: config.runtime.limits.passwords,
    });
    const tokenMs = config.runtime.login.token_sec * 1000;
    const { login } = config.runtime;
    const failed = new FailedLogins({
      clock,
      perMinute: login.failures_per_minute,
      totalPerMinute: login.total_failures_per_minute,
    });
    const logins = await Logins.open({ store: tokenKeys, groups, failed, clock, rng, tokenMs });
    const service = new StorageService(options, { instances, groups, logins });
    const { registry, retention } = service.#parts;
    try {
      await registry.load();
      await service.#recover();
    } catch (error) {
      await service[Symbol.asyncDispose]();
      throw error;
    }
    right?.onChange((isSure) => {
      if (isSure) registry.giveTime();
      else registry.closeStreams(new SpiderError('unavailable', NOT_SURE));
    });
    retention.start();
    return service;
  }

  /** Bytes of memory that the outputs of finished tasks take, of jobs that have a journal. */
  get outputBytes(): number {
    return this.#parts.outputs.memory.totalBytes;
  }

  /** Finds out whose a call is, and refuses what is not for them; of a server that has these services. */
  get guards(): readonly CallGuard[] {
    const { authenticator } = this.#options;
    if (authenticator?.isRequired !== true) return [callerGuard(this.#logins)];
    return [authenticator.guard((token, values) => noteCaller(values, this.#logins.verify(token)))];
  }

  /** Adds the services that clients, schedulers and execution managers call. */
  routes(router: ConnectRouter): void {
    const { clock, rng, logger, config, store, zstd, identity, right, authenticator } =
      this.#options;
    const { cache, budgets, journal, scheduling, runner, owedReports, registry } = this.#parts;
    const { taskLogs } = this.#parts;
    const { limits, execution_managers: executionManagers } = config.runtime;
    addStorageRoutes(router, {
      clock,
      rng,
      logger,
      zstd,
      identity,
      right,
      sessionId: this.sessionId,
      counters: this.counters,
      store: store.cluster,
      jobs: this.jobs,
      taskLogs,
      uploads: {
        clock,
        budget: budgets.uploads,
        idleMs: limits.upload_idle_ms,
        bytesMax: limits.job_bytes,
      },
      cache,
      runner,
      journal,
      registry,
      owedReports,
      feed: scheduling.feed,
      polls: scheduling.polls,
      logins: this.#logins,
      isAuthRequired: authenticator?.isRequired ?? false,
      resourceGroups: this.#groups,
      heartbeatIntervalMs: executionManagers.heartbeat_interval_ms,
      silenceMs: silenceMs(config),
      streamGraceMs: executionManagers.stream_grace_ms,
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
    const { cache, budgets, timers, journal, runner, registry, outputs, taskLogs } = this.#parts;
    return {
      jobs: cache.size,
      tasks: cache.taskCount,
      endedJobs: cache.endedCount,
      executionManagers: registry.size,
      submissions: budgets.submissions.count,
      uploads: budgets.uploads.count,
      requests: runner.requestCount,
      softTimeouts: timers.softTimeouts.size,
      deadlines: timers.deadlines.size,
      taskLogReads: taskLogs.size,
      flushListeners: journal.listenerCount,
      unflushedBytes: journal.unflushedBytes,
      outputBytes: this.outputBytes,
      recalls: outputs.recalls,
    };
  }

  /** Checks the jobs in memory; for tests and the simulator. @throws InvariantError */
  validateState(): void {
    for (const { machine, isBroken } of this.#parts.cache.jobs()) {
      if (!isBroken) machine.validateState();
    }
  }

  /** Takes no more submissions and makes durable all that has happened. */
  async drain(): Promise<void> {
    this.jobs.drain();
    await this.#parts.journal.flush();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const parts = this.#parts;
    const reason = new SpiderError('unavailable', 'storage is stopping');
    this.#stop.abort();
    parts.owedReports.close();
    this.jobs.drain();
    parts.retention[Symbol.dispose]();
    parts.scheduling.close(reason);
    parts.registry.close(reason);
    parts.outputs.close();
    parts.journal.close();
    parts.timers[Symbol.dispose]();
    parts.cache.close();
  }

  async #recover(): Promise<void> {
    const { clock, rng, logger, zstd, store, config } = this.#options;
    const { cache, timers, runner, outputs, owedReports, registry } = this.#parts;
    const jobs = await recoverJobs({
      clock,
      logger,
      zstd,
      store: store.jobs,
      cache,
      rng,
      runner,
      memory: outputs.memory,
      rules: this.#rules,
    });
    for (const job of jobs) timers.deadlines.watch(job);
    void resumeJobs(jobs, {
      registry,
      owedReports,
      runner,
      streamGraceMs: config.runtime.execution_managers.stream_grace_ms,
      signal: this.#stop.signal,
    });
  }
}
