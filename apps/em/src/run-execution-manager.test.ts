import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { TaskOutcome } from '@spider/core';
import { executionManagerConfigSchema } from '@spider/execution-manager';
import { ScriptedControlPlane } from '@spider/execution-manager/testing';
import { parseConfig } from '@spider/runtime/node';
import { RecordingLogger } from '@spider/runtime/testing';
import { expect, onTestFinished, test, vi } from 'vitest';
import { runExecutionManager } from './run-execution-manager.ts';

/** An executor that answers with what it was given. */
const EXECUTOR = fileURLToPath(
  new URL('../../../packages/execution-manager/test/tiny-executor.ts', import.meta.url),
);

async function writeConfig(text: string): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), 'spider-em-'));
  onTestFinished(() => rm(directory, { recursive: true }));
  const path = join(directory, 'config.yaml');
  await writeFile(path, text);
  return path;
}

/** Resolves with the id that the process announces on stdout. */
function announcedId(): Promise<string> {
  const { promise, resolve } = Promise.withResolvers<string>();
  const write = vi.spyOn(process.stdout, 'write').mockImplementation((text) => {
    const id = /^spider-execution-manager ready (\d+)\n$/.exec(String(text))?.[1];
    if (id !== undefined) resolve(id);
    return true;
  });
  onTestFinished(() => write.mockRestore());
  return promise;
}

function run(args: readonly string[], signal: AbortSignal): Promise<void> {
  return runExecutionManager({ args, signal, logger: new RecordingLogger() });
}

test('an execution manager works from its start to its stop, and finishes what it has begun', async () => {
  await using plane = await ScriptedControlPlane.start({ firstId: 12 });
  plane.onReports = (sequence) => plane.flush(sequence);
  const path = await writeConfig(`
storage: { host: 127.0.0.1, port: ${plane.port} }
slots: 1
task_executor: { bin_path: ${EXECUTOR}, package_dir: . }
`);
  const id = announcedId();
  const stop = new AbortController();
  const running = run(['-c', path], stop.signal);
  expect(await id).toBe('12');

  await plane.changes.until(() => plane.isConnected && plane.credit > 0);
  plane.assign(1, [5]);
  await plane.changes.until(() => plane.leases.length === 1);
  plane.issue(1, [5]);
  await plane.changes.until(() => plane.acknowledgedBatch === 1);
  stop.abort();
  await running;

  expect(plane.reports).toMatchObject([{ taskIndex: 5, outcome: TaskOutcome.Succeeded }]);
  expect(plane.deregistrations).toEqual([12]);
});

test('it ends by itself when storage wants it to, and finishes what it has begun', async () => {
  await using plane = await ScriptedControlPlane.start({ firstId: 12 });
  plane.onReports = (sequence) => plane.flush(sequence);
  const path = await writeConfig(`
storage: { host: 127.0.0.1, port: ${plane.port} }
slots: 1
task_executor: { bin_path: ${EXECUTOR}, package_dir: . }
`);
  const running = run(['-c', path], new AbortController().signal);
  await plane.changes.until(() => plane.isConnected && plane.credit > 0);
  plane.assign(1, [5]);
  await plane.changes.until(() => plane.leases.length === 1);
  plane.issue(1, [5]);
  plane.drain();
  await running;

  expect(plane.isDraining).toBe(true);
  expect(plane.reports).toMatchObject([{ taskIndex: 5 }]);
  expect(plane.deregistrations).toEqual([12]);
});

test('it does not wait for a storage that is away when it is asked to stop', async () => {
  const plane = await ScriptedControlPlane.start();
  const { port } = plane;
  await plane.close();
  const path = await writeConfig(`
storage: { host: 127.0.0.1, port: ${port} }
slots: 1
task_executor: { bin_path: ${EXECUTOR}, package_dir: . }
`);
  const stop = new AbortController();
  const running = run(['-c', path], stop.signal);
  stop.abort();
  await expect(running).resolves.toBeUndefined();
});

test('an executor that does not exist ends it', async () => {
  await using plane = await ScriptedControlPlane.start();
  const path = await writeConfig(`
storage: { host: 127.0.0.1, port: ${plane.port} }
task_executor: { bin_path: /no/such/executor, package_dir: . }
`);
  await expect(run(['-c', path], new AbortController().signal)).rejects.toThrow(
    'task_executor.bin_path is /no/such/executor: there is no such thing',
  );
});

test('a configuration that cannot work is refused with the key and the rule', async () => {
  const path = await writeConfig('storage: { host: a, port: fifty }\n');
  await expect(run(['-c', path], new AbortController().signal)).rejects.toThrow(
    /storage\.port is "fifty": .*expected number/,
  );
});

test('a call without a configuration is refused with the usage', async () => {
  await expect(run([], new AbortController().signal)).rejects.toMatchObject({
    name: 'ExitError',
    exitCode: 2,
  });
});

test('the example configuration is one, and says the defaults', async () => {
  const path = join(import.meta.dirname, '../config.example.yaml');
  const example = parseConfig(path, await readFile(path, 'utf8'), executionManagerConfigSchema);
  expect(example).toEqual(
    executionManagerConfigSchema.parse({
      storage: { host: '127.0.0.1', port: 50_051 },
      task_executor: { package_dir: './packages' },
    }),
  );
});

/** With every key that the reference has. */
const REFERENCE = `
storage: { host: spider-storage, port: 50051 }
scheduler: { host: spider-scheduler, port: 50052 }
connection_pool_size: 4
scheduler_poll_wait_ms: 1000
liveness: { storage_heartbeat_interval_sec: 1, scheduler_heartbeat_interval_sec: 1 }
task_executor:
  bin_path: /usr/local/bin/spider-task-executor
  package_dir: /opt/spider/packages
  inherited_env: []
  max_log_line_bytes: 65536
`;

test('a configuration can be checked and shown, also where it could not be used', async () => {
  const path = await writeConfig(REFERENCE);
  const said = (flag: string): Promise<string> =>
    run(['-c', path, flag], new AbortController().signal).then(
      () => 'it ran',
      (error: Error) => error.message,
    );
  expect(await said('--check')).toBe(`${path} is valid`);
  const printed = await said('--print');
  expect(printed).toContain('bin_path: /usr/local/bin/spider-task-executor');
  expect(printed).toMatch(/slots: \d+$/m);
  expect(printed).toMatch(/memory_limit_mib: \d+\n/);
  const shown = parseConfig('printed', printed, executionManagerConfigSchema);
  expect(shown.schedulerEndpoints).toEqual(['http://spider-scheduler:50052']);
});
