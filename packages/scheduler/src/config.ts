import { EQUAL_SHARING, LIMITS, type Sharing } from '@spider/core';
import {
  type AuthOptions,
  type ClientTls,
  type Endpoint,
  endpointUrl,
  endpointUrls,
  type ServerTls,
} from '@spider/runtime';
import {
  authSchema,
  clientTlsSchema,
  serverTlsSchema,
  toAuthOptions,
  toClientTls,
  toServerTls,
} from '@spider/runtime/config';
import { z } from 'zod';

import { POLICIES, type PolicyName } from './policy/policies.ts';

/** How a scheduler chooses and waits. */
export interface DispatchConfig {
  readonly policy: PolicyName;
  /** By what resource groups share, and jobs within them. Storage goes by it as well. */
  readonly sharing: Sharing;
  /** How many ready tasks may be buffered here or be on their way from storage. */
  readonly readyTaskCapacity: number;
  /** Jobs that `round_robin` has in its rotation. */
  readonly activeJobs: number;
  /**
   * How long an execution manager may keep a batch without acknowledging it, before its tasks are
   * assigned again.
   */
  readonly acknowledgementTimeoutMs: number;
  /** How many execution managers are served at a time. */
  readonly executionManagersMax: number;
}

/** What the server of a scheduler process bears. */
export interface SchedulerServerLimits {
  readonly connections: number;
  readonly callsPerConnection: number;
  readonly requestBytes: number;
  readonly healthWatches: number;
}

/** All that a scheduler process is told. */
export interface SchedulerConfig extends DispatchConfig {
  /** The address to listen at, for execution managers. */
  readonly host: string;
  /** 0 takes any free port. */
  readonly port: number;
  /** URLs of storage, of which any may be the active one. */
  readonly storageEndpoints: readonly string[];
  /** How it listens; undefined: in plain text. */
  readonly tls: ServerTls | undefined;
  /** How it knows execution managers, and where the token is that it shows to storage. */
  readonly auth: AuthOptions;
  /** Whether it may listen where others reach it, though nothing asks who they are. */
  readonly insecure: boolean;
  /** How it reaches storage; undefined: in plain text. */
  readonly storageTls: ClientTls | undefined;
  /** Where execution managers reach this scheduler, if not where it listens. */
  readonly advertisedEndpoint: Endpoint | undefined;
  readonly stopTimeoutMs: number;
  readonly limits: SchedulerServerLimits;
}

/**
 * The usual settings: some 20 ms of the fastest dispatch, so that credit always comes back in time,
 * and no more than a policy can sort.
 */
export const DEFAULT_DISPATCH_CONFIG: DispatchConfig = {
  policy: 'weighted_fair',
  sharing: EQUAL_SHARING,
  readyTaskCapacity: 16 * 1024,
  activeJobs: 1024,
  acknowledgementTimeoutMs: 30_000,
  executionManagersMax: LIMITS.executionManagersPerScheduler,
};

const host = z.string().min(1);
const count = z.int().min(1);
const seconds = z.int().max(86_400);
const endpoint = z
  .object({ host, port: z.int().min(1).max(65_535) })
  .refine((value) => URL.canParse(endpointUrl(value)), { path: ['host'], message: 'not a host' });

/** Resource groups by id, written as keys of a mapping. */
const weights = z
  .record(
    z.string().regex(/^[1-9][0-9]{0,15}$/, 'must be the id of a resource group'),
    z.int().min(1).max(LIMITS.groupWeight),
  )
  .refine((value) => Object.keys(value).length <= LIMITS.weightedGroups, {
    message: `must not have more than ${LIMITS.weightedGroups} groups`,
  });

/** How tasks are chosen: `runtime.scheduler` of a scheduler process, and the same keys where one is embedded. */
const schedulerPolicySchema = z.object({
  policy: z
    .enum(Object.keys(POLICIES) as [PolicyName, ...PolicyName[]])
    .default(DEFAULT_DISPATCH_CONFIG.policy),
  weights: weights.default({}),
  job_order: z.enum(['fair', 'critical-path']).default(EQUAL_SHARING.jobOrder),
  config: z
    .object({
      ready_task_capacity: count
        .max(LIMITS.bufferedReadyTasks)
        .default(DEFAULT_DISPATCH_CONFIG.readyTaskCapacity),
      active_job_queue_capacity: count
        .max(LIMITS.bufferedReadyTasks)
        .default(DEFAULT_DISPATCH_CONFIG.activeJobs),
      dispatch_queue_capacity: count.optional(),
      commit_ready_task_capacity: count.optional(),
      cleanup_ready_task_capacity: count.optional(),
      storage_poll_timeout_ms: z.int().min(0).optional(),
      tick_interval_ms: count.optional(),
      finalizing_job_expiration_timeout_sec: z.int().min(0).optional(),
    })
    .prefault({}),
});

const limitsSchema = z.object({
  execution_managers: count
    .max(LIMITS.executionManagersPerScheduler)
    .default(LIMITS.executionManagersPerScheduler),
  connections: count.default(20_000),
  calls_per_connection: count.default(1000),
  request_bytes: count.default(256 * 1024 * 1024),
  health_watches: count.default(LIMITS.healthWatches),
});

/** The `scheduler` section of a storage that may have one in its own process. */
export const embeddedSchedulerFileSchema = schedulerPolicySchema
  .extend({ embedded: z.boolean().default(true) })
  .prefault({});

/** The same section as the process uses it. */
export function toEmbeddedScheduler({
  embedded,
  ...file
}: z.output<typeof embeddedSchedulerFileSchema>) {
  return { embedded, ...toDispatchConfig(file) };
}

function toDispatchConfig({
  policy,
  weights: weightOf,
  job_order: jobOrder,
  config,
}: z.output<typeof schedulerPolicySchema>): Omit<
  DispatchConfig,
  'acknowledgementTimeoutMs' | 'executionManagersMax'
> {
  const entries = Object.entries(weightOf).map(([id, weight]) => [Number(id), weight] as const);
  return {
    policy,
    sharing: { weights: new Map(entries), jobOrder },
    readyTaskCapacity: config.ready_task_capacity,
    activeJobs: config.active_job_queue_capacity,
  };
}

/**
 * The scheduler's configuration file, in the keys of the reference, of which only the endpoint of
 * storage is required. Keys that mean nothing here (connections, ticks, polls) are checked as the
 * reference does, and ignored.
 */
export const schedulerFileSchema = z
  .object({
    host: host.default('127.0.0.1'),
    port: z.int().min(0).max(65_535).default(50_052),
    storage_endpoint: endpoint.optional(),
    storage_endpoints: z.array(endpoint).min(1).max(64).optional(),
    tls: serverTlsSchema.optional(),
    storage_tls: clientTlsSchema.optional(),
    auth: authSchema.prefault({}),
    insecure: z.boolean().default(false),
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
        scheduler: schedulerPolicySchema.prefault({}),
        limits: limitsSchema.prefault({}),
      })
      .prefault({}),
  })
  .refine(
    (file) => (file.storage_endpoint === undefined) !== (file.storage_endpoints === undefined),
    {
      path: ['storage_endpoint'],
      message: 'either this or storage_endpoints is required',
    },
  );

/** The same file as the scheduler uses it. */
export const schedulerConfigSchema = schedulerFileSchema.transform((file): SchedulerConfig => {
  const { runtime } = file;
  const storage = file.storage_endpoints ?? [];
  if (file.storage_endpoint !== undefined) storage.push(file.storage_endpoint);
  return {
    host: file.host,
    port: file.port,
    storageEndpoints: endpointUrls(storage, file.storage_tls !== undefined),
    tls: toServerTls(file.tls),
    storageTls: toClientTls(file.storage_tls),
    auth: toAuthOptions(file.auth),
    insecure: file.insecure,
    advertisedEndpoint: runtime.advertised_endpoint,
    stopTimeoutMs: runtime.stop_timeout_sec * 1000,
    ...toDispatchConfig(runtime.scheduler),
    acknowledgementTimeoutMs: runtime.em_registry.dead_em_cutoff_sec * 1000,
    executionManagersMax: runtime.limits.execution_managers,
    limits: {
      connections: runtime.limits.connections,
      callsPerConnection: runtime.limits.calls_per_connection,
      requestBytes: runtime.limits.request_bytes,
      healthWatches: runtime.limits.health_watches,
    },
  };
});
