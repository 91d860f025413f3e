import type { JobId, SpiderError } from '@spider/core';
import type { Clock, Logger } from '@spider/runtime';
import type { Job } from '../cache/job.ts';
import type { JobCache } from '../cache/job-cache.ts';
import type { StorageConfig } from '../config.ts';
import type { Store } from '../db/job-store.ts';
import type { EffectRunner } from '../effects/effect-runner.ts';
import { ConcurrencyLimits } from './concurrency-limits.ts';
import { InboundQueue } from './inbound-queue.ts';
import { Lane } from './lane.ts';
import { ReadyTaskFeed } from './ready-task-feed.ts';
import { ReadyTaskPolls } from './ready-task-polls.ts';

export interface SchedulingOptions {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly config: Pick<StorageConfig['runtime'], 'concurrency' | 'inbound_queue' | 'limits'>;
  readonly store: Pick<Store, 'sessionId' | 'cluster'>;
  readonly cache: Pick<JobCache, 'find' | 'jobs'>;
  /** Called later, never by the constructor. */
  readonly runner: Pick<EffectRunner, 'handle' | 'enqueue'>;
}

/** The way of ready tasks to schedulers, ours and those of the reference, within limits. */
export class Scheduling {
  readonly queue: InboundQueue;
  /** For schedulers of ours. */
  readonly feed: ReadyTaskFeed;
  /** For those of the reference. */
  readonly polls: ReadyTaskPolls;
  readonly #concurrency: ConcurrencyLimits;

  constructor(options: SchedulingOptions) {
    this.#concurrency = this.#newLimits(options);
    this.queue = new InboundQueue(this.#concurrency);
    this.feed = this.#newFeed(options);
    this.polls = this.#newPolls(options);
  }

  /** There are ready tasks. */
  wake(): void {
    this.polls.wake();
    this.feed.wake();
  }

  /** Something has happened to a job. */
  jobChanged(job: Job): void {
    this.#concurrency.changed(job);
  }

  jobEnded(job: Job): void {
    this.queue.remove(job);
    this.#concurrency.ended(job);
    this.polls.jobEnded(job);
    this.feed.jobEnded(job);
  }

  close(reason: SpiderError): void {
    this.polls.close();
    this.feed.close(reason);
  }

  #newLimits({ config, runner }: SchedulingOptions): ConcurrencyLimits {
    const { task_kinds: taskKinds, resource_groups: resourceGroups } = config.concurrency;
    return new ConcurrencyLimits({
      resourceGroups: new Map(
        Object.entries(resourceGroups).map(([id, limit]) => [Number(id), limit]),
      ),
      taskKinds: new Map(Object.entries(taskKinds)),
      onGroupFreed: (resourceGroupId) => {
        this.queue.release(resourceGroupId);
        this.wake();
      },
      onJobFreed: (job) => runner.enqueue(job),
    });
  }

  #newFeed({ clock, logger, store, cache, runner }: SchedulingOptions): ReadyTaskFeed {
    return new ReadyTaskFeed({
      clock,
      logger,
      queue: this.queue,
      sessionId: store.sessionId,
      register: (host, port) => store.cluster.registerScheduler(host, port, clock.now()),
      findJob: (jobId) => cache.find(BigInt(jobId) as JobId),
      onHandOutsLost: (job, taskIndices) =>
        runner.handle(job, { type: 'hand-outs-lost', taskIndices }),
      onPoolsChanged: () => {
        for (const job of cache.jobs()) for (const watch of job.watches) watch.changed();
      },
    });
  }

  #newPolls({ clock, config, runner }: SchedulingOptions): ReadyTaskPolls {
    const { inbound_queue: inboundQueue } = config;
    return new ReadyTaskPolls({
      clock,
      queue: this.queue,
      handOutTimeoutMs: inboundQueue.hand_out_timeout_ms,
      waitingMax: config.limits.polls,
      capacity: {
        [Lane.Commit]: inboundQueue.commit_capacity,
        [Lane.Cleanup]: inboundQueue.cleanup_capacity,
        [Lane.Regular]: inboundQueue.task_capacity,
      },
      onHandOutsLost: (job, taskIndices) =>
        runner.handle(job, { type: 'hand-outs-lost', taskIndices }),
      onPresence: (isPresent) => {
        if (isPresent) this.feed.standBy();
        else this.feed.resume();
      },
    });
  }
}
