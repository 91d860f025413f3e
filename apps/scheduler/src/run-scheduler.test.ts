import { once } from 'node:events';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { type AddressInfo, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { createClient } from '@connectrpc/connect';
import { type HealthCheckResponse, HealthService, ServingStatus } from '@spider/proto';
import { createTransport } from '@spider/runtime';
import { parseConfig } from '@spider/runtime/node';
import { RecordingLogger } from '@spider/runtime/testing';
import { schedulerConfigSchema } from '@spider/scheduler';
import { ScriptedExecutionManager, ScriptedStorage } from '@spider/scheduler/testing';
import { expect, onTestFinished, test, vi } from 'vitest';

import { runScheduler } from './run-scheduler.ts';

async function writeConfig(text: string): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), 'spider-scheduler-'));
  onTestFinished(() => rm(directory, { recursive: true }));
  const path = join(directory, 'config.yaml');
  await writeFile(path, text);
  return path;
}

/** Resolves with the URL that the process announces on stdout. */
function announcedUrl(): Promise<string> {
  return new Promise((resolve) => {
    const write = vi.spyOn(process.stdout, 'write').mockImplementation((text) => {
      const url = /^spider-scheduler ready (http:\S+)\n$/.exec(String(text))?.[1];
      if (url !== undefined) resolve(url);
      return true;
    });
    onTestFinished(() => write.mockRestore());
  });
}

const nameOf = (result: IteratorResult<HealthCheckResponse, unknown>): string | undefined =>
  result.done === true ? 'ended' : ServingStatus[result.value.status];

test('a scheduler passes tasks on from its start to its stop', async () => {
  await using storage = await ScriptedStorage.start(1);
  const path = await writeConfig(
    `port: 0\nstorage_endpoint: { host: 127.0.0.1, port: ${storage.port} }\n`,
  );
  const url = announcedUrl();
  const stop = new AbortController();
  const running = runScheduler({
    args: ['-c', path],
    signal: stop.signal,
    logger: new RecordingLogger(),
  });
  using executionManager = new ScriptedExecutionManager(await url, 1);
  executionManager.grant(1);
  await storage.changes.until(() => storage.connected);
  using transport = createTransport({ url: await url });
  const health = createClient(HealthService, transport).watch({})[Symbol.asyncIterator]();
  const status = async () => nameOf(await health.next());
  while ((await status()) !== 'SERVING');
  expect(`http://127.0.0.1:${storage.hellos[0]?.port}`).toBe(await url);
  storage.ready(1, [0]);
  expect(await executionManager.received(1)).toEqual(['1:0']);

  const ending = status();
  stop.abort();
  await running;

  expect(await ending).toBe('NOT_SERVING');
  expect(storage.connected).toBe(false);
  expect(await executionManager.end()).toMatchObject({ code: 'unavailable' });
});

test('a configuration that cannot work is refused with the key and the rule', async () => {
  const path = await writeConfig('port: fifty\nstorage_endpoint: { host: a, port: 1 }\n');
  const running = runScheduler({
    args: ['--config', path],
    signal: new AbortController().signal,
    logger: new RecordingLogger(),
  });

  await expect(running).rejects.toThrow(/port is "fifty": .*expected number/);
});

test('an address that another process has ends it', async () => {
  const other = createServer().listen(0, '127.0.0.1');
  onTestFinished(() => void other.close());
  await once(other, 'listening');
  const { port } = other.address() as AddressInfo;
  const path = await writeConfig(`port: ${port}\nstorage_endpoint: { host: 127.0.0.1, port: 1 }\n`);
  const running = runScheduler({
    args: ['-c', path],
    signal: new AbortController().signal,
    logger: new RecordingLogger(),
  });

  await expect(running).rejects.toThrow(String(port));
});

test('a call without a configuration is refused with the usage', async () => {
  const running = runScheduler({
    args: [],
    signal: new AbortController().signal,
    logger: new RecordingLogger(),
  });

  await expect(running).rejects.toMatchObject({ name: 'ExitError', exitCode: 2 });
});

test('the example configuration is one, and says the defaults', async () => {
  const path = join(import.meta.dirname, '../config.example.yaml');
  const example = parseConfig(path, await readFile(path, 'utf8'), schedulerConfigSchema);

  expect(example).toEqual(
    schedulerConfigSchema.parse({ storage_endpoint: { host: '127.0.0.1', port: 50_051 } }),
  );
});

test('a configuration of the reference can be checked and shown', async () => {
  const path = await writeConfig(`
host: 127.0.0.1
port: 50052
storage_endpoint: { host: spider-storage, port: 50051 }
connection_pool_size: 8
runtime:
  advertised_endpoint: { host: spider-scheduler, port: 50052 }
  stop_timeout_sec: 30
  em_registry: { dead_em_cutoff_sec: 30, liveness_tracking_interval_ms: 1000 }
  scheduler:
    policy: round_robin
    config:
      active_job_queue_capacity: 16
      dispatch_queue_capacity: 16
      ready_task_capacity: 1048576
      commit_ready_task_capacity: 256
      cleanup_ready_task_capacity: 256
      storage_poll_timeout_ms: 10
      tick_interval_ms: 5
      finalizing_job_expiration_timeout_sec: 300
`);
  const said = (flag: string): Promise<string> =>
    runScheduler({
      args: ['-c', path, flag],
      signal: new AbortController().signal,
      logger: new RecordingLogger(),
    }).then(
      () => 'it ran',
      (error: Error) => error.message,
    );
  expect(await said('--check')).toBe(`${path} is valid`);
  const printed = await said('--print');
  expect(printed).toContain('policy: round_robin');
  expect(parseConfig('printed', printed, schedulerConfigSchema).storageEndpoints).toEqual([
    'http://spider-storage:50051',
  ]);
});
