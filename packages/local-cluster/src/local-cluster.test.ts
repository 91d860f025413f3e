import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';

import {
  startLocalCluster,
  type ClusterProcess,
  type LocalCluster,
  type LocalClusterOptions,
} from './index.ts';

const fixture = (name: string): string =>
  fileURLToPath(new URL(`../test/${name}`, import.meta.url));

const binaries = {
  storage: fixture('spider-storage.mjs'),
  scheduler: fixture('spider-scheduler.mjs'),
  executionManager: fixture('spider-execution-manager.mjs'),
};

// Many processes are started here, perhaps on a busy machine.
vi.setConfig({ testTimeout: 30_000, hookTimeout: 30_000 });

let directory: string;
let stack: AsyncDisposableStack;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'spider-cluster-'));
  stack = new AsyncDisposableStack();
});
afterEach(async () => {
  await stack.disposeAsync();
  rmSync(directory, { recursive: true });
});

const optionsOf = (options: Partial<LocalClusterOptions>): LocalClusterOptions => ({
  directory,
  packageDir: '/packages',
  binaries,
  ...options,
});

async function start(options: Partial<LocalClusterOptions> = {}): Promise<LocalCluster> {
  return stack.use(await startLocalCluster(optionsOf(options)));
}

/** The error that a start ends with. */
async function failureOf(options: Partial<LocalClusterOptions>): Promise<Error> {
  try {
    await start(options);
  } catch (error) {
    return error as Error;
  }
  throw new Error('it has started');
}

const notes = (): string[] => readFileSync(join(directory, 'notes'), 'utf8').trim().split('\n');
const configOf = (name: string): unknown =>
  JSON.parse(readFileSync(join(directory, `${name}.yaml`), 'utf8'));

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

/** Processes whose parent is gone are somebody else's to wait for. */
const untilGone = (pids: readonly number[]): Promise<unknown> =>
  vi.waitFor(() => expect(pids.filter(isAlive)).toEqual([]), { timeout: 5_000 });

describe('startLocalCluster', () => {
  it('starts storage with a scheduler in it, and an execution manager that knows both', async () => {
    const cluster = await start({ slots: 3 });
    const { storage, scheduler, executionManagers } = cluster.processes;

    expect(scheduler).toBeUndefined();
    expect([storage, ...executionManagers].map(({ name }) => name)).toEqual([
      'storage',
      'execution-manager-1',
    ]);
    expect([storage, ...executionManagers].every((each) => each.isRunning)).toBe(true);
    expect(cluster.schedulerUrl).toBe(cluster.storageUrl);
    expect(configOf('storage')).toMatchObject({
      runtime: { db: { engine: 'sqlite', path: join(directory, 'storage.sqlite') } },
      scheduler: { embedded: true },
    });
    const endpoint = { host: '127.0.0.1', port: Number(new URL(cluster.storageUrl).port) };
    expect(configOf('execution-manager-1')).toEqual({
      storage: endpoint,
      scheduler: endpoint,
      slots: 3,
      task_executor: { package_dir: '/packages' },
    });
  });

  it('starts the scheduler as a process of its own if it is told to', async () => {
    const cluster = await start({ embeddedScheduler: false, executionManagers: 0 });

    expect(cluster.processes.scheduler?.isRunning).toBe(true);
    expect(cluster.processes.executionManagers).toEqual([]);
    expect(cluster.schedulerUrl).not.toBe(cluster.storageUrl);
    expect(configOf('storage')).toMatchObject({ scheduler: { embedded: false } });
    expect(configOf('scheduler')).toMatchObject({
      storage_endpoint: { host: '127.0.0.1', port: Number(new URL(cluster.storageUrl).port) },
    });
  });

  it('adds to configurations and environment what it is given', async () => {
    const cluster = await start({
      logLevel: 'warn',
      env: { EXTRA: 'more' },
      config: { storage: { runtime: { db: { path: ':memory:' }, journal: { a: 1 } } } },
    });

    expect(configOf('storage')).toMatchObject({
      runtime: { db: { engine: 'sqlite', path: ':memory:' }, journal: { a: 1 } },
      scheduler: { embedded: true },
    });
    const line = 'spider-storage starts with warn and more';
    expect(await cluster.processes.storage.recentLog()).toEqual([line]);
    expect(readFileSync(join(directory, 'storage.log'), 'utf8')).toBe(`${line}\n`);
  });

  it('hands log lines over if somebody takes them', async () => {
    const lines: string[] = [];
    const cluster = await start({ onLog: (name, line) => lines.push(`${name}: ${line}`) });
    await cluster.stop();

    expect(lines.toSorted()).toEqual([
      'execution-manager-1: spider-execution-manager starts with info and undefined',
      'storage: spider-storage starts with info and undefined',
    ]);
    expect(await cluster.processes.storage.recentLog()).toHaveLength(1);
  });

  it('says with the last lines why a process did not start, and leaves none running', async () => {
    const failure = await failureOf({
      executionManagers: 2,
      config: { executionManager: { fake: { crashes: true } } },
    });

    expect(failure.message).toMatch(
      /^spider-execution-manager ended with code 1; its last lines:\n.*\ncannot open the database$/s,
    );
    expect(notes()).toEqual(['storage is ready', 'storage ends by SIGTERM']);
  });

  it('does not wait forever for a process to get ready', async () => {
    const failure = await failureOf({
      startTimeoutMs: 500,
      config: { storage: { fake: { isSilent: true } } },
    });

    expect(failure.message).toContain('spider-storage was not ready within 500 ms');
  });

  it('says so when a service was not built', async () => {
    const failure = await failureOf({ binaries: { ...binaries, storage: '/nowhere/main.js' } });

    expect(failure.message).toBe(
      '/nowhere/main.js is not there; in a clone of the repository: npm run build',
    );
  });

  it('gives up when it is told to, and leaves none running', async () => {
    const stop = new AbortController();
    const failure = failureOf({
      signal: stop.signal,
      config: { executionManager: { fake: { isSilent: true } } },
    });
    await vi.waitFor(() => expect(notes()).toContain('execution-manager-1 is ready'));
    stop.abort(new Error('enough'));

    expect((await failure).message).toContain('enough');
    expect(notes().at(-1)).toBe('storage ends by SIGTERM');
  });
});

describe('the processes of a cluster', () => {
  it('end in order: execution managers, scheduler, storage', async () => {
    const cluster = await start({ embeddedScheduler: false, executionManagers: 2 });
    await Promise.all([cluster.stop(), cluster.stop()]);

    const ends = notes().filter((line) => line.includes('ends'));
    expect(ends.slice(0, 2).toSorted()).toEqual([
      'execution-manager-1 ends by SIGTERM',
      'execution-manager-2 ends by SIGTERM',
    ]);
    expect(ends.slice(2)).toEqual(['scheduler ends by SIGTERM', 'storage ends by SIGTERM']);
    expect(await cluster.processes.storage.exited).toEqual({ code: 0, signal: null });
    expect(cluster.processes.storage.isRunning).toBe(false);
  });

  it('are ended by force if they do not listen, and their children with them', async () => {
    const cluster = await start({
      stopTimeoutMs: 200,
      config: { executionManager: { fake: { isDeaf: true, hasChild: true } } },
    });
    const child = Number(/child (\d+)/.exec(notes().join('\n'))?.[1]);
    expect(isAlive(child)).toBe(true);
    await cluster.stop();

    const [manager] = cluster.processes.executionManagers;
    expect(await manager?.exited).toEqual({ code: null, signal: 'SIGKILL' });
    await untilGone([child]);
  });

  it('are missed when they end by themselves', async () => {
    const cluster = await start();
    process.kill(cluster.processes.storage.pid, 'SIGKILL');

    await expect(cluster.failed).rejects.toThrow(
      /^spider-storage \(storage\) was ended by SIGKILL; its last lines:\nspider-storage starts/,
    );
  });

  it('are told of to whoever wants to start them again', async () => {
    const ended = Promise.withResolvers<[ClusterProcess, Error]>();
    const cluster = await start({
      onUnexpectedExit: (process, error) => ended.resolve([process, error]),
      env: (name) => ({ SPIDER_OWN_NAME: name }),
      config: { executionManager: (name) => ({ slots: Number(name.at(-1)) + 6 }) },
    });
    process.kill(cluster.processes.storage.pid, 'SIGKILL');
    const [storage, error] = await ended.promise;
    expect(storage).toBe(cluster.processes.storage);
    expect(error.message).toContain('spider-storage (storage) was ended by SIGKILL');
    await storage.restart();
    expect(storage.isRunning).toBe(true);
    expect(configOf('execution-manager-1')).toMatchObject({ slots: 7 });
  });

  it('are not missed when they are killed on purpose', async () => {
    const cluster = await start();
    const failed = vi.fn<() => void>();
    cluster.failed.catch(failed);
    const { storage } = cluster.processes;
    storage.kill('SIGKILL');

    expect(await storage.exited).toEqual({ code: null, signal: 'SIGKILL' });
    storage.kill('SIGKILL');
    await cluster.stop();
    expect(failed).not.toHaveBeenCalled();
  });

  it('start again at the same address, alive or dead', async () => {
    const cluster = await start({ executionManagers: 0 });
    const { storage } = cluster.processes;
    const { storageUrl } = cluster;
    const pids = new Set([storage.pid]);
    await storage.restart();
    pids.add(storage.pid);
    storage.kill('SIGKILL');
    await storage.exited;
    await storage.restart();
    pids.add(storage.pid);

    expect(pids.size).toBe(3);
    expect(storage.isRunning).toBe(true);
    expect(cluster.storageUrl).toBe(storageUrl);
    expect(cluster.processes.storage).toBe(storage);
  });

  it('become more when an execution manager is added', async () => {
    const cluster = await start();
    const added = await cluster.addExecutionManager();

    expect(added.name).toBe('execution-manager-2');
    expect(cluster.processes.executionManagers[1]).toBe(added);
    await cluster.stop();
    expect(notes()).toContain('execution-manager-2 ends by SIGTERM');
  });

  it.each(['SIGKILL', 'SIGINT'] as const)('end when their parent dies by %s', async (signal) => {
    const options = JSON.stringify(optionsOf({ embeddedScheduler: false }));
    const parent = spawn(
      process.execPath,
      ['--conditions', '@spider/source', fixture('parent.ts'), options],
      { stdio: ['ignore', 'pipe', 'inherit'] },
    );
    const [output] = (await once(parent.stdout, 'data')) as [Buffer];
    const pids = JSON.parse(output.toString()) as number[];
    expect(pids).toHaveLength(3);
    parent.kill(signal);

    await untilGone(pids);
    const ends = notes().filter((line) => line.includes('ends by its parent'));
    expect(ends).toHaveLength(3);
  });
});
