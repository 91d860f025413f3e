import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { createClient } from '@connectrpc/connect';
import { SpiderError, timestampMs } from '@spider/core';
import {
  AssignmentService,
  ClusterService,
  HealthService,
  JobService,
  ServingStatus,
  WireServerRole,
  WorkerService,
} from '@spider/proto';
import { createTransport } from '@spider/runtime';
import { parseConfig } from '@spider/runtime/node';
import { RecordingLogger } from '@spider/runtime/testing';
import { openStore, storageConfigSchema, SupersededError } from '@spider/storage';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { runStorage } from './run-storage.ts';

async function newFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'spider-storage-'));
  onTestFinished(() => rm(folder, { recursive: true }));
  return folder;
}

async function writeConfig(folder: string, text: string): Promise<string> {
  const path = join(folder, 'config.yaml');
  await writeFile(path, text);
  return path;
}

/** The URLs that the process announces on stdout. */
function announced(): { next(state: 'ready' | 'standby'): Promise<string> } {
  const urls = { ready: Promise.withResolvers<string>(), standby: Promise.withResolvers<string>() };
  const write = vi.spyOn(process.stdout, 'write').mockImplementation((text) => {
    const [, state, url] = /^spider-storage (ready|standby) (\S+)\n$/.exec(String(text)) ?? [];
    if (url !== undefined && (state === 'ready' || state === 'standby')) urls[state].resolve(url);
    return true;
  });
  onTestFinished(() => write.mockRestore());
  return { next: (state) => urls[state].promise };
}

function run(args: readonly string[], signal: AbortSignal): Promise<void> {
  return runStorage({ args, signal, logger: new RecordingLogger() });
}

/** Starts storage on a database in a new folder; it is stopped after the test. */
async function start(more = '') {
  const folder = await newFolder();
  const database = join(folder, 'jobs.sqlite');
  const path = await writeConfig(
    folder,
    `port: 0\nruntime: { db: { path: ${database} } }\n${more}`,
  );
  const stop = new AbortController();
  const lines = announced();
  const ended = run(['-c', path], stop.signal);
  const url = await Promise.race([lines.next('ready'), ended.then(() => 'it ended')]);
  const transport = createTransport({ url });
  onTestFinished(() => transport.close());
  return { database, ended, stop, transport };
}

test('storage answers from its start to its stop', async () => {
  const { ended, stop, transport } = await start();
  const jobs = createClient(JobService, transport);
  await expect(jobs.getJob({ jobId: 1n })).rejects.toThrow('job 1 does not exist');
  stop.abort(new Error('asked to'));
  await ended;
  await expect(jobs.getJob({ jobId: 1n })).rejects.toThrow();
});

describe('the scheduler', () => {
  const pull = async (transport: Parameters<typeof createClient>[1]): Promise<unknown> => {
    const client = createClient(AssignmentService, transport);
    const requests = (async function* () {
      yield {};
    })();
    try {
      for await (const message of client.pullAssignments(requests)) return message;
      return 'ended';
    } catch (error) {
      return error;
    }
  };

  test('is in the same process unless the configuration says otherwise', async () => {
    const { stop, ended, transport } = await start();
    expect(String(await pull(transport))).toContain('invalid_argument');
    stop.abort(new Error('asked to'));
    await ended;
  });

  test('can be left to a process of its own', async () => {
    const { stop, ended, transport } = await start('scheduler: { embedded: false }');
    expect(String(await pull(transport))).toContain('unimplemented');
    stop.abort(new Error('asked to'));
    await ended;
  });
});

/** Waiting for a write of this very process to end would keep it from ending. */
async function openBetweenWrites(path: string): ReturnType<typeof openStore> {
  for (;;) {
    try {
      const options = { engine: 'sqlite', path, busyTimeoutMs: 0 } as const;
      return await openStore(options, timestampMs(Date.now()));
    } catch (error) {
      if (!(error instanceof SpiderError) || error.code !== 'unavailable') throw error;
    }
  }
}

test('it fails when another storage takes its database', async () => {
  const { database, ended, transport } = await start();
  const path = database;
  await using newer = await openBetweenWrites(path);
  expect(newer.sessionId).toBe(2n);
  const workers = createClient(WorkerService, transport);
  await expect(workers.registerExecutionManager({ slots: 1 })).rejects.toThrow('was superseded');
  await expect(ended).rejects.toThrow(SupersededError);
});

test('a second storage on the same database says who is in its way', async () => {
  const { database, ended, stop } = await start();
  const folder = await newFolder();
  const path = await writeConfig(
    folder,
    `port: 0\nruntime: { db: { path: ${database} }, lease: { duration_ms: 500, renew_ms: 100 } }\n`,
  );
  const never = new AbortController().signal;
  await expect(run(['-c', path], never)).rejects.toThrow(
    `process ${process.pid} on ${hostname()} is active on this database (session 1)`,
  );
  stop.abort(new Error('asked to'));
  await ended;
});

test('a standby sends clients to the active storage until it takes its place', async () => {
  const { database, ended, stop } = await start();
  const folder = await newFolder();
  const path = await writeConfig(
    folder,
    `port: 0\nstandby: true\nruntime: { db: { path: ${database} } }\n`,
  );
  const stopStandby = new AbortController();
  const lines = announced();
  const standbyEnded = run(['-c', path], stopStandby.signal);
  const url = await lines.next('standby');
  const transport = createTransport({ url });
  onTestFinished(() => transport.close());
  const jobs = createClient(JobService, transport);
  await expect(jobs.getJob({ jobId: 1n })).rejects.toThrow(
    '[unavailable] this storage is a standby',
  );
  const cluster = createClient(ClusterService, transport);
  const who = await cluster.getServerInfo({});
  expect(who).toMatchObject({ role: WireServerRole.STANDBY, databaseEngine: 'sqlite' });
  expect(who.version).toMatch(/^\d+\./);
  // One watch sees the whole life of the process, for its connection outlives the take-over.
  const health: unknown[] = [];
  const watch = async (): Promise<void> => {
    const client = createClient(HealthService, transport);
    for await (const { status } of client.watch({ service: JobService.typeName })) {
      health.push(ServingStatus[status]);
    }
  };
  const watchEnded = watch().catch(String);
  await vi.waitFor(() => expect(health).toHaveLength(1), 20_000);
  stop.abort(new Error('asked to'));
  await ended;
  expect(await lines.next('ready')).toBe(url);
  expect(await cluster.getServerInfo({})).toMatchObject({
    role: WireServerRole.ACTIVE,
    startedAtMs: who.startedAtMs,
  });
  await expect(jobs.getJob({ jobId: 1n })).rejects.toThrow('job 1 does not exist');
  stopStandby.abort(new Error('asked to'));
  await standbyEnded;
  expect(await watchEnded).toContain('the server is stopping');
  expect(health).toEqual(['NOT_SERVING', 'SERVING', 'NOT_SERVING']);
});

test('a database server needs credentials', async () => {
  const path = await writeConfig(await newFolder(), 'runtime: { db: { host: db, name: spider } }');
  vi.stubEnv('SPIDER_STORAGE_DB_USERNAME', undefined);
  onTestFinished(() => {
    vi.unstubAllEnvs();
  });
  const never = new AbortController().signal;
  await expect(run(['-c', path], never)).rejects.toThrow('SPIDER_STORAGE_DB_USERNAME');
});

test('a database that cannot be opened is an error at once', async () => {
  const folder = await newFolder();
  const path = await writeConfig(
    folder,
    `port: 0\nruntime: { db: { path: ${join(folder, 'missing', 'jobs.sqlite')} } }\n`,
  );
  const never = new AbortController().signal;
  await expect(run(['-c', path], never)).rejects.toThrow(
    'the database cannot be used: unable to open database file',
  );
});

test('the example of a configuration is one of nothing but defaults', async () => {
  const path = new URL('../config.example.yaml', import.meta.url);
  const text = await readFile(path, 'utf8');
  expect(parseConfig('example', text, storageConfigSchema)).toEqual(storageConfigSchema.parse({}));
});

test('a configuration of the reference can be checked and shown, without its password', async () => {
  const path = await writeConfig(
    await newFolder(),
    `
host: 0.0.0.0
port: 50051
runtime:
  db:
    host: spider-database
    port: 3306
    name: spider-db
    max_connections: 64
    credentials: { username: spider-user, password: spider-password }
  inbound_queue: { task_capacity: 1048576, commit_capacity: 256, cleanup_capacity: 256 }
  task_instance_pool:
    execution_manager_stale_cutoff_sec: 60
    gc_interval_sec: 30
    message_channel_capacity: 128
  job_cache_gc: { terminated_job_retention_sec: 300, gc_interval_sec: 30 }
`,
  );
  const said = (...flags: readonly string[]): Promise<string> =>
    run(['-c', path, ...flags], new AbortController().signal).then(
      () => 'it ran',
      (error: Error) => error.message,
    );
  expect(await said('--check')).toMatch(/^host is "0\.0\.0\.0", where others can reach it/);
  expect(await said('--check', '--insecure')).toBe(`${path} is valid`);
  const printed = await said('--print');
  expect(printed).toContain('username: spider-user');
  expect(printed).not.toContain('spider-password');
  expect(parseConfig('printed', printed, storageConfigSchema).runtime.db).toMatchObject({
    engine: 'mysql',
    host: 'spider-database',
  });
});
