import { type Labels, LIMITS } from '@spider/core';
import { type ClientTls, endpointUrls } from '@spider/runtime';
import { clientTlsSchema, toClientTls } from '@spider/runtime/config';
import { z } from 'zod';
import type { Liveness } from './reconnection.ts';
import {
  type TaskExecutorConfig,
  taskExecutorFileSchema,
  toTaskExecutorConfig,
} from './task-executor-config.ts';

/** All that an execution manager process is told. */
export interface ExecutionManagerConfig {
  /** URLs of storage, of which any may be the active one. */
  readonly storageEndpoints: readonly string[];
  /** URLs of the scheduler, of which any may be the active one. */
  readonly schedulerEndpoints: readonly string[];
  /** For both; undefined: plain text. */
  readonly tls: ClientTls | undefined;
  /** Where the token is that it shows to both, if not in the environment. */
  readonly clusterTokenFile: string | undefined;
  /** Executor processes; undefined: one for each core. */
  readonly slots: number | undefined;
  readonly liveness: Liveness;
  /** What jobs may require. */
  readonly labels: Labels;
  /** The only resource groups whose jobs it runs; none stands for all. */
  readonly resourceGroupIds: readonly number[];
  readonly drainTimeoutMs: number;
  readonly cancelGraceMs: number;
  readonly startTimeoutMs: number;
  readonly taskExecutor: TaskExecutorConfig;
  readonly logs: LogsConfig;
}

/** What becomes of the lines that tasks print. */
export interface LogsConfig {
  /** Where they are kept; undefined: nowhere, they are only forwarded. */
  readonly directory: string | undefined;
  /** Of all that is kept. */
  readonly maxBytes: number;
  readonly retentionMs: number;
  /** What one task may print. */
  readonly maxTaskBytes: number;
}

const KIB = 1024;
const MIB = 1024 * KIB;
const HOUR_MS = 3_600_000;

const host = z.string().min(1);
const count = z.int().min(1);
const seconds = z.int().max(86_400);
const endpoint = z.object({ host, port: z.int().min(1).max(65_535) });
const endpoints = z.array(endpoint).min(1).max(64);

const bytesAtMost = (most: number): z.ZodString =>
  z.string().refine((text) => Buffer.byteLength(text) <= most, {
    message: `must have at most ${most} bytes`,
  });
const labels = z
  .record(bytesAtMost(LIMITS.labelKeyBytes).min(1), bytesAtMost(LIMITS.labelValueBytes))
  .refine((value) => Object.keys(value).length <= LIMITS.labelsPerExecutionManager, {
    message: `must not have more than ${LIMITS.labelsPerExecutionManager} labels`,
  });

/**
 * The execution manager's configuration file, in the keys of the reference, of which only storage
 * and the folder of task packages are required. Keys that mean nothing here (connections, polls,
 * heartbeats, whose pace storage sets) are checked as the reference does, and ignored.
 */
export const executionManagerFileSchema = z
  .object({
    storage: endpoint.optional(),
    storage_endpoints: endpoints.optional(),
    scheduler: endpoint.optional(),
    scheduler_endpoints: endpoints.optional(),
    tls: clientTlsSchema.optional(),
    cluster_token_file: z.string().min(1).optional(),
    slots: count.max(LIMITS.slotsPerExecutionManager).optional(),
    labels: labels.default({}),
    resource_groups: z.array(count).max(LIMITS.dedicatedGroups).default([]),
    drain_timeout_sec: seconds.min(0).default(50),
    cancel_grace_ms: z.int().min(0).max(3_600_000).default(1_000),
    connection_pool_size: count.optional(),
    scheduler_poll_wait_ms: z.int().min(0).optional(),
    liveness: z
      .object({
        storage_heartbeat_interval_sec: count.optional(),
        scheduler_heartbeat_interval_sec: count.optional(),
        /** A storage that says nothing for so long is left for the next one. */
        storage_silence_ms: z.int().min(100).max(3_600_000).default(2_000),
        /** How long one may take to answer when it is met. */
        attempt_timeout_ms: z.int().min(100).max(3_600_000).default(1_000),
      })
      .refine((liveness) => liveness.storage_silence_ms >= liveness.attempt_timeout_ms, {
        path: ['storage_silence_ms'],
        message: 'must be at least attempt_timeout_ms',
      })
      .prefault({}),
    task_executor: taskExecutorFileSchema,
    logs: z
      .object({
        dir: z.string().min(1).optional(),
        max_mib: count.max(1024 * 1024).default(1024),
        retention_hours: count.max(24 * 3650).default(168),
        max_task_kib: count.max(1024 * 1024).default(1024),
      })
      .prefault({}),
  })
  .refine((file) => (file.storage === undefined) !== (file.storage_endpoints === undefined), {
    path: ['storage'],
    message: 'either this or storage_endpoints is required',
  })
  .refine((file) => file.scheduler === undefined || file.scheduler_endpoints === undefined, {
    path: ['scheduler'],
    message: 'this and scheduler_endpoints exclude each other',
  });

export type ExecutionManagerFile = z.output<typeof executionManagerFileSchema>;

/** The same file as the execution manager uses it. */
export const executionManagerConfigSchema = executionManagerFileSchema.transform(
  (file): ExecutionManagerConfig => {
    const storage = file.storage_endpoints ?? (file.storage === undefined ? [] : [file.storage]);
    // Storage may have its scheduler within.
    const scheduler =
      file.scheduler_endpoints ?? (file.scheduler === undefined ? storage : [file.scheduler]);
    return {
      storageEndpoints: endpointUrls(storage, file.tls !== undefined),
      schedulerEndpoints: endpointUrls(scheduler, file.tls !== undefined),
      tls: toClientTls(file.tls),
      clusterTokenFile: file.cluster_token_file,
      slots: file.slots,
      liveness: {
        silenceMs: file.liveness.storage_silence_ms,
        attemptMs: file.liveness.attempt_timeout_ms,
      },
      labels: file.labels,
      resourceGroupIds: file.resource_groups,
      drainTimeoutMs: file.drain_timeout_sec * 1000,
      cancelGraceMs: file.cancel_grace_ms,
      startTimeoutMs: file.task_executor.start_timeout_sec * 1000,
      taskExecutor: toTaskExecutorConfig(file.task_executor),
      logs: {
        directory: file.logs.dir,
        maxBytes: file.logs.max_mib * MIB,
        retentionMs: file.logs.retention_hours * HOUR_MS,
        maxTaskBytes: file.logs.max_task_kib * KIB,
      },
    };
  },
);
