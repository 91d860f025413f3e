import { LIMITS } from '@spider/core';
import { authSchema, serverTlsSchema, toAuthOptions, toServerTls } from '@spider/runtime/config';
import { z } from 'zod';
import type { RetentionTimes } from './retention/job-retention.ts';

/** Keys and defaults are the reference's where it has them; keys it does not know come beside. */
const MIB = 1024 * 1024;

const positive = z.int().min(1);
const port = z.int().min(0).max(65_535);
const seconds = positive.max(86_400 * 365);
const milliseconds = positive.max(86_400_000);

const databaseSchema = z
  .object({
    engine: z.enum(['sqlite', 'mysql']).optional(),
    path: z.string().min(1).optional(),
    host: z.string().min(1).optional(),
    port: port.optional(),
    /** Of a server on this machine, instead of host and port. */
    socket_path: z.string().min(1).optional(),
    /** The nodes of a cluster, instead of host and port: the next one is asked when one is gone. */
    hosts: z
      .array(z.object({ host: z.string().min(1), port: port.default(3306) }))
      .min(1)
      .max(16)
      .optional(),
    name: z.string().min(1).optional(),
    max_connections: positive.max(10_000).default(16),
    credentials: z.object({ username: z.string(), password: z.string() }).optional(),
  })
  // A configuration of the reference names a host and no engine.
  .transform((file) => ({
    ...file,
    engine:
      file.engine ??
      (file.host === undefined && file.hosts === undefined
        ? ('sqlite' as const)
        : ('mysql' as const)),
  }))
  .refine(
    ({ engine, host, hosts, name, socket_path: socketPath }) =>
      engine === 'sqlite' ||
      ([host, hosts, socketPath].filter((place) => place !== undefined).length === 1 &&
        name !== undefined),
    { message: 'engine mysql needs name, and one of host, hosts and socket_path' },
  );

function toDatabase(file: z.output<typeof databaseSchema>) {
  if (file.engine === 'sqlite') {
    return { engine: file.engine, path: file.path ?? 'spider-storage.sqlite' } as const;
  }
  const { host, hosts, name = '', socket_path: socketPath, credentials } = file;
  const place = socketPath === undefined ? { host, port: file.port ?? 3306 } : { socketPath };
  return {
    engine: file.engine,
    ...(hosts === undefined ? place : { hosts }),
    name,
    maxConnections: file.max_connections,
    credentials,
  } as const;
}

const leaseSchema = z
  .object({
    /** How long the right to write outlives a storage that was killed; not on SQLite. */
    duration_ms: milliseconds.min(500).default(2000),
    /** How often it is renewed. */
    renew_ms: milliseconds.min(100).default(1000),
  })
  .refine(({ duration_ms, renew_ms }) => duration_ms >= 2 * renew_ms, {
    path: ['duration_ms'],
    message: 'must be at least twice renew_ms, or one late renewal ends the lease',
  });

const runtimeSchema = z.object({
  db: databaseSchema.prefault({}),
  lease: leaseSchema.prefault({}),
  inbound_queue: z
    .object({
      /** Tasks of each kind that may be on their way through schedulers of the reference. */
      task_capacity: positive.default(65_536),
      commit_capacity: positive.default(1024),
      cleanup_capacity: positive.default(1024),
      /** What was handed to one of them, and no execution manager has asked for, comes back. */
      hand_out_timeout_ms: milliseconds.default(30_000),
    })
    .prefault({}),
  task_instance_pool: z
    .object({
      /** An execution manager that is silent for so long is lost. */
      execution_manager_stale_cutoff_sec: seconds.optional(),
      // Of no meaning here: nothing is scanned at intervals, and there is no channel.
      gc_interval_sec: positive.optional(),
      message_channel_capacity: positive.optional(),
    })
    .prefault({}),
  job_cache_gc: z
    .object({
      /** How long the status of an ended job stays in memory. */
      terminated_job_retention_sec: seconds.default(300),
      /** Of no meaning here. */
      gc_interval_sec: positive.optional(),
    })
    .prefault({}),
  retention: z
    .object({
      /** How long succeeded and cancelled jobs stay in the database. */
      succeeded_job_sec: seconds.default(7 * 86_400),
      /** How long failed ones do, with the journal of what they had done. */
      failed_job_sec: seconds.default(30 * 86_400),
      /** A job that nobody has started by then is cancelled. */
      never_started_job_sec: seconds.default(7 * 86_400),
      /** How long execution managers that have ended, and earlier starts of storage, are remembered. */
      ended_process_sec: seconds.default(7 * 86_400),
    })
    .prefault({}),
  journal: z
    .object({
      /**
       * Of jobs that do not ask for another one. `task` journals every finished attempt, `job` only the states of jobs. With `sync` nothing
       * goes on from a finished attempt before it is flushed.
       */
      durability: z.enum(['job', 'task', 'sync']).default('task'),
      /** The longest that a finished attempt waits to be written. */
      flush_interval_ms: milliseconds.default(5),
      /** So many of them do not wait. */
      flush_records: positive.default(1024),
    })
    .prefault({}),
  task_outputs: z
    .object({
      /** Outputs that are in the journal and exceed this leave memory until somebody needs them. */
      memory_mb: positive.max(1024 * 1024).default(1024),
    })
    .prefault({}),
  execution_managers: z
    .object({
      /** What is new of an execution manager is told within this time. */
      heartbeat_interval_ms: milliseconds.default(1000),
      /**
       * How long one may be without a stream before what it holds runs elsewhere; longer than any may
       * need to come back, which they tell when they register.
       */
      stream_grace_ms: milliseconds.default(5000),
    })
    .prefault({}),
  concurrency: z
    .object({
      /** By id of a resource group: how many of its tasks may be out at the same time. */
      resource_groups: z
        .record(
          z.string().regex(/^[1-9][0-9]{0,15}$/, 'must be the id of a resource group'),
          positive,
        )
        .refine((groups) => Object.keys(groups).length <= LIMITS.limitedGroups, {
          message: `must not have more than ${LIMITS.limitedGroups} groups`,
        })
        .default({}),
      /** By package/function: how many of these tasks may be out at the same time, of all jobs. */
      task_kinds: z
        .record(z.string().regex(/^[^/]+\/.+$/, 'must be a package/function'), positive)
        .refine((kinds) => Object.keys(kinds).length <= LIMITS.limitedKinds, {
          message: `must not have more than ${LIMITS.limitedKinds} kinds`,
        })
        .default({}),
    })
    .prefault({}),
  limits: z
    .object({
      /** Submissions that may arrive in pieces at a time, over all connections. */
      uploads: positive.default(64),
      /** Bytes of all of them together; one may have 512 MiB. */
      upload_bytes: positive.default(1024 * MIB),
      /** One whose client sends nothing for so long is given up. */
      upload_idle_ms: milliseconds.default(30_000),
      /** Submissions that are not in the database yet, and their bytes. */
      submissions: positive.default(1024),
      submission_bytes: positive.default(1024 * MIB),
      /** Jobs that have not ended, and their tasks. */
      jobs: positive.default(100_000),
      tasks: positive.default(64 * 1024 * 1024),
      /** Tasks of one job, and bytes of its graph, of its inputs and of its outputs. */
      tasks_per_job: positive.max(LIMITS.tasksPerJob).default(LIMITS.tasksPerJob),
      job_bytes: positive.max(LIMITS.submissionBytes).default(LIMITS.submissionBytes),
      job_output_bytes: positive.max(LIMITS.jobOutputBytes).default(LIMITS.jobOutputBytes),
      /** Tasks of one job whose last error is kept in memory. */
      task_errors_per_job: positive.default(LIMITS.taskErrorsPerJob),
      /** Starts and cancels of one job that wait for the database. */
      requests_per_job: positive.default(LIMITS.requestsWaitingPerJob),
      /** Jobs that have ended and whose status is kept in memory. */
      ended_jobs: positive.default(4096),
      /** Calls that watch one job at a time. */
      watches_per_job: positive.default(4096),
      /** Bytes for the database beyond which nothing more is read that leads to others. */
      unflushed_bytes: positive.default(64 * MIB),
      execution_managers: positive
        .max(LIMITS.executionManagersPerStorage)
        .default(LIMITS.executionManagersPerStorage),
      /** Passwords that wait to be hashed, which takes a tenth of a second of a core each. */
      passwords: positive.default(LIMITS.passwordsWaiting),
      /** Polls of the reference's that wait at a time, for each kind of tasks. */
      polls: positive.default(LIMITS.waitingPolls),
      /** Watches of this server's health. */
      health_watches: positive.default(LIMITS.healthWatches),
      /** Connections at a time, and calls on each. */
      connections: positive.default(10_000),
      calls_per_connection: positive.default(1000),
      /** Bytes of all requests, but for those of streams, that have arrived and are not answered. */
      request_bytes: positive.default(1024 * MIB),
    })
    .prefault({}),
  login: z
    .object({
      /** How long the token of a login is valid; clients renew theirs in time. */
      token_sec: positive.max(7 * 86_400).default(3_600),
      /** Wrong passwords a minute of one resource group, and of all; so many may come at once. */
      failures_per_minute: positive.default(20),
      total_failures_per_minute: positive.default(600),
    })
    .prefault({}),
  jobs: z
    .object({
      /** The least time between two notices to one who watches a job. */
      watch_interval_ms: milliseconds.default(50),
      /** How long a cleanup task may wait for somebody to run it; then it is given up. */
      cleanup_wait_sec: seconds.default(86_400),
    })
    .prefault({}),
});

/** The configuration file of `spider-storage`. Keys that it does not know are ignored. */
export const storageFileSchema = z.object({
  /** Where to listen: an address or a host name. */
  host: z.string().min(1).default('127.0.0.1'),
  /** 0 takes any free port. */
  port: port.default(50_051),
  tls: serverTlsSchema.optional(),
  auth: authSchema.prefault({}),
  /** Listen where others reach it, though nothing asks who they are. */
  insecure: z.boolean().default(false),
  /** Wait for as long as another storage is active on the database, then take its place. */
  standby: z.boolean().default(false),
  runtime: runtimeSchema.prefault({}),
  scheduler: z
    .object({
      /** Whether the scheduler runs in this process. */
      embedded: z.boolean().default(true),
    })
    .prefault({}),
});

type StorageFile = z.output<typeof storageFileSchema>;

/** What is in effect of a file beyond what it says. */
export function effectiveStorageFile(file: StorageFile): object {
  const { db } = file.runtime;
  const shown = db.engine === 'sqlite' ? toDatabase(db) : db;
  return { ...file, runtime: { ...file.runtime, db: shown } };
}

export function toStorageConfig<File extends StorageFile>(file: File) {
  return {
    ...file,
    tls: toServerTls(file.tls),
    auth: toAuthOptions(file.auth),
    runtime: { ...file.runtime, db: toDatabase(file.runtime.db) },
  };
}

/** The same file as storage uses it. */
export const storageConfigSchema = storageFileSchema.transform((file) => toStorageConfig(file));

export type StorageConfig = z.output<typeof storageConfigSchema>;

/** Heartbeats that an execution manager may miss unless the cutoff is configured. */
const MISSED_HEARTBEATS_MAX = 10;

/** How long one of the reference may be without a heartbeat unless the cutoff is configured. */
const HEARTBEAT_CUTOFF_SEC = 60;

export function heartbeatCutoffMs({ runtime }: StorageConfig): number {
  const cutoffSec = runtime.task_instance_pool.execution_manager_stale_cutoff_sec;
  return (cutoffSec ?? HEARTBEAT_CUTOFF_SEC) * 1000;
}

/** How long an execution manager may be silent on an open stream: never less than two heartbeats. */
export function silenceMs({ runtime }: StorageConfig): number {
  const cutoffSec = runtime.task_instance_pool.execution_manager_stale_cutoff_sec;
  return cutoffSec === undefined
    ? runtime.execution_managers.heartbeat_interval_ms * MISSED_HEARTBEATS_MAX
    : Math.max(cutoffSec * 1000, 2 * runtime.execution_managers.heartbeat_interval_ms);
}

/** How long jobs stay in the database. */
export const retentionTimes = ({ runtime: { retention } }: StorageConfig): RetentionTimes => ({
  succeededMs: retention.succeeded_job_sec * 1000,
  failedMs: retention.failed_job_sec * 1000,
  neverStartedMs: retention.never_started_job_sec * 1000,
});
