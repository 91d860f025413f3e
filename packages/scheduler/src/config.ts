import { LIMITS } from '@spider/core';
import { type Endpoint, endpointUrl } from '@spider/runtime';
import { z } from 'zod';

/** All that a scheduler process is told. */
export interface SchedulerConfig {
  /** The address to listen at, for execution managers. */
  readonly host: string;
  /** 0 takes any free port. */
  readonly port: number;
  /** URLs of storage, of which any may be the active one. */
  readonly storageEndpoints: readonly string[];
  /** Where execution managers reach this scheduler, if not where it listens. */
  readonly advertisedEndpoint: Endpoint | undefined;
  readonly stopTimeoutMs: number;
  readonly policy: 'fifo' | 'round_robin';
  /** How many ready tasks may be buffered here or be on their way from storage. */
  readonly readyTaskCapacity: number;
  /**
   * How long an execution manager may keep a batch without acknowledging it, before its tasks are
   * assigned again.
   */
  readonly acknowledgementTimeoutMs: number;
}

/**
 * What a scheduler within another process needs to know, with the defaults: some 20 ms of the
 * fastest dispatch, so that credit always comes back in time, and no more than a policy can sort.
 */
export const DEFAULT_DISPATCH_CONFIG = {
  policy: 'fifo',
  readyTaskCapacity: 16 * 1024,
  acknowledgementTimeoutMs: 30_000,
} as const satisfies Partial<SchedulerConfig>;

const host = z.string().min(1);
const count = z.int().min(1);
const seconds = z.int().max(86_400);
const endpoint = z
  .object({ host, port: z.int().min(1).max(65_535) })
  .refine((value) => URL.canParse(endpointUrl(value)), { path: ['host'], message: 'not a host' });

/**
 * The scheduler's configuration file, in the keys of the reference, of which only the endpoint of
 * storage is required. Keys that mean nothing here (connections, ticks, polls) are checked as the
 * reference does, and ignored.
 */
export const schedulerConfigSchema = z
  .object({
    host: host.default('127.0.0.1'),
    port: z.int().min(0).max(65_535).default(50_052),
    storage_endpoint: endpoint.optional(),
    storage_endpoints: z.array(endpoint).min(1).max(64).optional(),
    connection_pool_size: count.optional(),
    runtime: z
      .object({
        advertised_endpoint: endpoint.optional(),
        stop_timeout_sec: seconds.min(0).default(30),
        em_registry: z
          .object({
            dead_em_cutoff_sec: seconds
              .min(1)
              .default(DEFAULT_DISPATCH_CONFIG.acknowledgementTimeoutMs / 1000),
            liveness_tracking_interval_ms: count.optional(),
          })
          .prefault({}),
        scheduler: z
          .object({
            policy: z.enum(['fifo', 'round_robin']).default(DEFAULT_DISPATCH_CONFIG.policy),
            config: z
              .object({
                ready_task_capacity: count
                  .max(LIMITS.bufferedReadyTasks)
                  .default(DEFAULT_DISPATCH_CONFIG.readyTaskCapacity),
                active_job_queue_capacity: count.optional(),
                dispatch_queue_capacity: count.optional(),
                commit_ready_task_capacity: count.optional(),
                cleanup_ready_task_capacity: count.optional(),
                storage_poll_timeout_ms: z.int().min(0).optional(),
                tick_interval_ms: count.optional(),
                finalizing_job_expiration_timeout_sec: z.int().min(0).optional(),
              })
              .prefault({}),
          })
          .prefault({}),
      })
      .prefault({}),
  })
  .refine(
    (file) => (file.storage_endpoint === undefined) !== (file.storage_endpoints === undefined),
    {
      path: ['storage_endpoint'],
      message: 'either this or storage_endpoints is required',
    },
  )
  .transform((file): SchedulerConfig => {
    const { runtime } = file;
    const storage = file.storage_endpoints ?? [];
    if (file.storage_endpoint !== undefined) storage.push(file.storage_endpoint);
    return {
      host: file.host,
      port: file.port,
      storageEndpoints: storage.map(endpointUrl),
      advertisedEndpoint: runtime.advertised_endpoint,
      stopTimeoutMs: runtime.stop_timeout_sec * 1000,
      policy: runtime.scheduler.policy,
      readyTaskCapacity: runtime.scheduler.config.ready_task_capacity,
      acknowledgementTimeoutMs: runtime.em_registry.dead_em_cutoff_sec * 1000,
    };
  });
