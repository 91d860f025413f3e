import type { Zstd } from '@spider/core';
import type { Clock, Logger, Rng } from '@spider/runtime';
import { JobCache } from './cache/job-cache.ts';
import { heartbeatCutoffMs, silenceMs } from './config.ts';
import type { StorageConfig } from './config.ts';
import type { Store } from './db/job-store.ts';
import { EffectRunner } from './effects/effect-runner.ts';
import type { JobRules } from './job-rules.ts';
import { Jobs } from './jobs.ts';
import { newJournalOfJobs } from './journal/journal-of-jobs.ts';
import type { Journal } from './journal/journal.ts';
import { JobTimers } from './lease/job-timers.ts';
import type { WriterRight } from './lease/writer-lease-keeper.ts';
import { ExecutionManagerRegistry } from './liveness/execution-manager-registry.ts';
import { OwedReports } from './liveness/owed-reports.ts';
import { LongWork } from './long-work.ts';
import { TaskOutputs } from './memory/task-outputs.ts';
import { Scheduling } from './queue/scheduling.ts';
import { waitingReason } from './queue/waiting-reason.ts';
import { Retention } from './retention/retention.ts';
import { newBudgets } from './submission/budgets.ts';
import type { Budgets } from './submission/budgets.ts';
import { TaskLogs } from './task-log/task-logs.ts';
import type { TaskInstances } from './task-instances.ts';

export interface StoragePartsOptions {
  readonly config: StorageConfig;
  /** Stays the caller's to dispose of, after the service. */
  readonly store: Store;
  readonly clock: Clock;
  readonly rng: Rng;
  readonly logger: Logger;
  readonly zstd: Zstd;
  /** By default it is always sure. */
  readonly right?: WriterRight;
}

/** What storage consists of. */
export interface StorageParts {
  readonly cache: JobCache;
  readonly budgets: Budgets;
  readonly timers: JobTimers;
  readonly journal: Journal;
  readonly scheduling: Scheduling;
  readonly runner: EffectRunner;
  readonly outputs: TaskOutputs;
  readonly owedReports: OwedReports;
  readonly registry: ExecutionManagerRegistry;
  readonly jobs: Jobs;
  readonly taskLogs: TaskLogs;
  readonly retention: Retention;
}

const MIB = 1024 * 1024;

/**
 * Makes the parts and ties them together; nothing happens before the first one is used. The runner
 * needs most of the others, which call it in their turn: they have it by way of `calls`.
 */
export function newStorageParts(
  options: StoragePartsOptions,
  instances: TaskInstances,
  rules: JobRules,
): StorageParts {
  const { config, store, clock, rng, logger, zstd } = options;
  const { runtime } = config;
  const calls = runnerCalls(() => runner);
  const cache = newCache(options, () => scheduling);
  const budgets = newBudgets(runtime.limits);
  const timers = new JobTimers({
    clock,
    runner: calls,
    cleanupWaitMs: runtime.jobs.cleanup_wait_sec * 1000,
  });
  const journal = newJournalOfJobs({
    clock,
    rng,
    logger,
    config: runtime,
    store: store.jobs,
    cache,
    runner: calls,
    onJournaled: (job) => outputs.memory.count(job),
  });
  const scheduling = new Scheduling({
    clock,
    logger,
    config: runtime,
    store,
    cache,
    runner: calls,
  });
  const runner: EffectRunner = new EffectRunner({
    clock,
    logger,
    zstd,
    store: store.jobs,
    cache,
    queue: scheduling.queue,
    instances,
    journal,
    softTimeouts: timers.softTimeouts,
    deadlines: timers.deadlines,
    durability: runtime.journal.durability,
    link: (executionManager) => registry.link(executionManager),
    onRetryLater: (job, effect) => timers.retryDelays.add(job, effect),
    onHandled: (job) => scheduling.jobChanged(job),
    onReady: () => scheduling.wake(),
    onRecall: (job, effect) => outputs.recall(job, effect),
    onEnded: (job) => {
      outputs.memory.forget(job);
      timers.retryDelays.forget(job);
      scheduling.jobEnded(job);
    },
  });
  const outputs = newOutputs(options, { cache, journal, runner });
  const owedReports = new OwedReports(clock);
  const registry = newRegistry(options, { cache, owedReports, runner });
  const jobs = newJobs(options, { cache, budgets, journal, runner }, rules);
  const taskLogs = new TaskLogs({
    clock,
    jobs,
    cache,
    journal,
    registry,
    store: store.cluster,
    jobStore: store.jobs,
  });
  const retention = new Retention({ clock, logger, config, store, jobs });
  return {
    cache,
    budgets,
    timers,
    journal,
    scheduling,
    runner,
    outputs,
    owedReports,
    registry,
    jobs,
    taskLogs,
    retention,
  };
}

type RunnerCalls = Pick<
  EffectRunner,
  'handle' | 'note' | 'enqueue' | 'fail' | 'meetDeadline' | 'giveUpCleanup'
>;

const runnerCalls = (runner: () => EffectRunner): RunnerCalls => ({
  handle: (job, event) => runner().handle(job, event),
  note: (job, event) => runner().note(job, event),
  enqueue: (job) => runner().enqueue(job),
  fail: (job, message) => runner().fail(job, message),
  meetDeadline: (job) => runner().meetDeadline(job),
  giveUpCleanup: (job, message) => runner().giveUpCleanup(job, message),
});

function newCache(
  { clock, config: { runtime } }: StoragePartsOptions,
  scheduling: () => Scheduling,
): JobCache {
  return new JobCache({
    clock,
    retentionMs: runtime.job_cache_gc.terminated_job_retention_sec * 1000,
    endedJobsMax: runtime.limits.ended_jobs,
    unfinishedJobsMax: runtime.limits.jobs,
    unfinishedTasksMax: runtime.limits.tasks,
    waitingReason: (job) => waitingReason(job, scheduling().feed),
  });
}

function newRegistry(
  { config, store, clock, logger, right }: StoragePartsOptions,
  { cache, owedReports, runner }: Pick<StorageParts, 'cache' | 'owedReports' | 'runner'>,
): ExecutionManagerRegistry {
  return new ExecutionManagerRegistry({
    clock,
    logger,
    store: store.cluster,
    streamGraceMs: config.runtime.execution_managers.stream_grace_ms,
    executionManagersMax: config.runtime.limits.execution_managers,
    silenceMs: silenceMs(config),
    heartbeatCutoffMs: heartbeatCutoffMs(config),
    isSure: () => right?.isSure ?? true,
    onLost: ({ number }) => {
      owedReports.settled(number);
      for (const job of cache.jobs()) {
        runner.handle(job, { type: 'execution-manager-lost', executionManager: number });
      }
    },
  });
}

function newOutputs(
  { config, store, clock, rng, logger }: StoragePartsOptions,
  { cache, journal, runner }: Pick<StorageParts, 'cache' | 'journal' | 'runner'>,
): TaskOutputs {
  return new TaskOutputs({
    clock,
    rng,
    logger,
    store: store.jobs,
    cache,
    journal,
    runner,
    quotaBytes: config.runtime.task_outputs.memory_mb * MIB,
  });
}

function newJobs(
  { config: { runtime }, store, clock, rng }: StoragePartsOptions,
  {
    cache,
    budgets,
    journal,
    runner,
  }: Pick<StorageParts, 'cache' | 'budgets' | 'journal' | 'runner'>,
  rules: JobRules,
): Jobs {
  return new Jobs({
    clock,
    work: new LongWork(clock),
    rng,
    store: store.jobs,
    journal,
    cache,
    runner,
    durability: runtime.journal.durability,
    submissions: budgets.submissions,
    rules,
    tasksMax: runtime.limits.tasks_per_job,
    bytesMax: runtime.limits.job_bytes,
    watchIntervalMs: runtime.jobs.watch_interval_ms,
    watchesPerJob: runtime.limits.watches_per_job,
  });
}
