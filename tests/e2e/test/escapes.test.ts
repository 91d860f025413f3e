import { execFileSync } from 'node:child_process';
import { chmod, cp, mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { createServer, type AddressInfo } from 'node:net';
import { once } from 'node:events';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect, defineJob, string } from '@spider/client';
import { type LocalCluster, startLocalCluster } from '@spider/local-cluster';
import { describe, expect, it, onTestFinished } from 'vitest';
import { repositoryPath } from '../src/index.ts';
import { attempt } from './task-packages/escapes/index.ts';

type Config = NonNullable<
  NonNullable<Parameters<typeof startLocalCluster>[0]['config']>['executionManager']
>;

const PACKAGE = repositoryPath('tests/e2e/test/task-packages/escapes');
const TDL = repositoryPath('packages/tdl');

const job = defineJob([string, string], (graph, kind, argument) => [
  graph.task(attempt, kind, argument),
]);

/** A cluster with a folder of task packages of its own, in which `escapes` is the only one. */
class Trial implements AsyncDisposable {
  readonly directory: string;
  readonly #cluster: LocalCluster;

  private constructor(directory: string, cluster: LocalCluster) {
    this.directory = directory;
    this.#cluster = cluster;
  }

  static async start(
    taskExecutor: Config = {},
    prepare: (packageDir: string) => Promise<void> = async () => undefined,
  ): Promise<Trial> {
    const directory = await mkdtemp(join(tmpdir(), 'spider-escapes-'));
    onTestFinished(() => rm(directory, { recursive: true, force: true }));
    // Whoever executors run as.
    await chmod(directory, 0o755);
    const packageDir = join(directory, 'packages');
    await installPackage(packageDir);
    await writeFile(join(directory, 'secret.txt'), 'a secret');
    await prepare(packageDir);
    const cluster = await startLocalCluster({
      directory,
      packageDir,
      slots: 1,
      env: { SPIDER_TEST_SECRET: 'a secret' },
      config: { executionManager: { task_executor: taskExecutor } },
    });
    return new Trial(directory, cluster);
  }

  get managerPid(): number {
    return this.#cluster.processes.executionManagers[0]?.pid ?? 0;
  }

  /** What came of it: `allowed: …`, the code of an error, or the message of the job's failure. */
  async attempt(kind: string, argument = ''): Promise<string> {
    using client = connect({ endpoints: [this.#cluster.storageUrl] });
    const handle = await client.submitAndStart(job, [kind, argument]);
    return await handle.outputs().then(
      ([result]) => result,
      (error: Error) => error.message,
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#cluster.stop();
  }
}

async function installPackage(packageDir: string): Promise<void> {
  const folder = join(packageDir, 'escapes');
  await cp(PACKAGE, folder, { recursive: true });
  await mkdir(join(folder, 'node_modules/@spider'), { recursive: true });
  await symlink(TDL, join(folder, 'node_modules/@spider/tdl'));
  await writeManifest(folder, {});
}

async function writeManifest(folder: string, more: object): Promise<void> {
  const manifest = {
    type: 'module',
    main: 'index.ts',
    dependencies: { '@spider/tdl': '*' },
    ...more,
  };
  await writeFile(join(folder, 'package.json'), JSON.stringify(manifest));
}

describe('the guard rail', () => {
  it('refuses what a task has no business with', async () => {
    await using trial = await Trial.start();
    const inside = join(trial.directory, 'packages/escapes/package.json');
    expect(await trial.attempt('read', inside)).toContain('allowed: {');
    const outside = join(trial.directory, 'secret.txt');
    for (const [kind, argument, code] of [
      ['read', outside, 'ERR_ACCESS_DENIED'],
      ['read', '/etc/passwd', 'ERR_ACCESS_DENIED'],
      ['read', `/proc/${trial.managerPid}/environ`, 'ERR_ACCESS_DENIED'],
      ['list', trial.directory, 'ERR_ACCESS_DENIED'],
      ['write', outside, 'ERR_ACCESS_DENIED'],
      ['write', join(trial.directory, 'packages/escapes/new.txt'), 'ERR_ACCESS_DENIED'],
      ['spawn', '/bin/echo', 'ERR_ACCESS_DENIED'],
      ['worker', '1', 'ERR_ACCESS_DENIED'],
      ['addon', outside, 'ERR_DLOPEN_DISABLED'],
      ['sqlite', join(trial.directory, 'new.sqlite'), 'ERR_UNKNOWN_BUILTIN_MODULE'],
    ] as const) {
      expect([kind, argument, await trial.attempt(kind, argument)]).toEqual([kind, argument, code]);
    }
  });

  it('shows nothing of the environment but what any program expects', async () => {
    await using trial = await Trial.start();
    const names = (await trial.attempt('list-environment')).replace('allowed: ', '').split(',');
    expect(names).toContain('PATH');
    expect(names).not.toContain('SPIDER_TEST_SECRET');
    const known = ['PATH', 'HOME', 'LANG', 'LC_ALL', 'TZ', 'TMPDIR', 'RUST_LOG', 'SPIDER_LOG'];
    const others = names.filter((name) => !known.includes(name) && !name.startsWith('SPIDER_'));
    expect(others).toEqual([]);
  });

  it('lets tasks read and write what the configuration grants', async () => {
    const shared = await mkdtemp(join(tmpdir(), 'spider-granted-'));
    onTestFinished(() => rm(shared, { recursive: true, force: true }));
    await using trial = await Trial.start({
      guard_rail: { write: [shared], read: ['/etc/hosts'] },
    });
    const file = join(shared, 'file.txt');
    expect(await trial.attempt('write', file)).toBe('allowed: undefined');
    expect(await trial.attempt('read', file)).toBe('allowed: written');
    expect(await trial.attempt('read', '/etc/hosts')).toContain('allowed: ');
    expect(await trial.attempt('write', '/etc/hosts')).toBe('ERR_ACCESS_DENIED');
  });

  const asks = (packageDir: string): Promise<void> =>
    writeManifest(join(packageDir, 'escapes'), { spider: { permissions: ['child_process'] } });

  it('gives a package what it asks for if the configuration allows that', async () => {
    await using trial = await Trial.start({ guard_rail: { allow: ['child_process'] } }, asks);
    expect(await trial.attempt('spawn', '/bin/echo')).toBe('allowed: escaped\n');
    expect(await trial.attempt('worker', '1')).toBe('ERR_ACCESS_DENIED');
  });

  it('refuses a package that asks for more than the configuration allows', async () => {
    await using trial = await Trial.start({}, asks);
    expect(await trial.attempt('spawn', '/bin/echo')).toContain(
      'package escapes asks for child_process, which task_executor.guard_rail.allow',
    );
  });

  it('gives nothing to a package that does not ask', async () => {
    await using trial = await Trial.start({ guard_rail: { allow: ['child_process'] } });
    expect(await trial.attempt('spawn', '/bin/echo')).toBe('ERR_ACCESS_DENIED');
  });

  it('refuses a package with a link that leads out of it', async () => {
    await using trial = await Trial.start({}, (packageDir) =>
      symlink(join(packageDir, '../secret.txt'), join(packageDir, 'escapes/data')),
    );
    expect(await trial.attempt('read', join(trial.directory, 'packages/escapes/data'))).toMatch(
      /task package not usable: package escapes has a link that leads out.*data to .*secret.txt/,
    );
  });

  it('can be taken away', async () => {
    await using trial = await Trial.start({ guard_rail: { enabled: false } });
    expect(await trial.attempt('spawn', '/bin/echo')).toBe('allowed: escaped\n');
    expect(await trial.attempt('read', '/etc/passwd')).toContain('allowed: ');
  });
});

/** Why a wall cannot be tried here; empty if it can. */
function obstacle(command: string, ...args: readonly string[]): string {
  try {
    execFileSync(command, args, { stdio: 'pipe' });
    return '';
  } catch (error) {
    return `${command} cannot run here: ${(error as Error).message.trim().split('\n').at(-1) ?? ''}`;
  }
}

const noBubblewrap = obstacle(
  'bwrap',
  '--ro-bind',
  '/',
  '/',
  '--unshare-pid',
  '--unshare-net',
  '--die-with-parent',
  'true',
);
const noUser = obstacle('setpriv', '--reuid=65534', '--regid=65534', '--clear-groups', 'true');

const listening = async (): Promise<number> => {
  const server = createServer().listen(0, '127.0.0.1');
  onTestFinished(() => void server.close());
  await once(server, 'listening');
  return (server.address() as AddressInfo).port;
};

/** With the guard rail taken away, so that only the wall is left. */
const rail = { guard_rail: { enabled: false } };

describe(`the wall of another user${noUser && ` (skipped: ${noUser})`}`, () => {
  it.skipIf(noUser !== '')('keeps tasks from the execution manager and its files', async () => {
    await using trial = await Trial.start(
      { ...rail, wall: { uid: 65_534, gid: 65_534 } },
      async (packageDir) => {
        await chmod(join(packageDir, '../secret.txt'), 0o600);
      },
    );
    expect(await trial.attempt('list', trial.directory)).toContain('allowed: ');
    for (const [kind, argument, code] of [
      ['kill-parent', '', 'EPERM'],
      ['read', join(trial.directory, 'secret.txt'), 'EACCES'],
      ['write', join(trial.directory, 'new.txt'), 'EACCES'],
      ['read', `/proc/${trial.managerPid}/environ`, 'EACCES'],
    ] as const) {
      expect([kind, argument, await trial.attempt(kind, argument)]).toEqual([kind, argument, code]);
    }
  });
});

describe(`the wall of bubblewrap${noBubblewrap && ` (skipped: ${noBubblewrap})`}`, () => {
  it.skipIf(noBubblewrap !== '')('leaves nothing of the machine to see or to reach', async () => {
    await using trial = await Trial.start({ ...rail, wall: { bubblewrap: true } });
    const port = await listening();
    for (const [kind, argument, result] of [
      ['connect-tcp', String(port), 'ECONNREFUSED'],
      ['kill-process', String(trial.managerPid), 'ESRCH'],
      ['read', join(trial.directory, 'secret.txt'), 'ENOENT'],
      ['read', '/etc/passwd', 'ENOENT'],
      ['write', join(trial.directory, 'packages/escapes/new.txt'), 'EROFS'],
      ['write', '/tmp/of-this-task', 'allowed: undefined'],
      ['spawn', '/bin/echo', 'allowed: escaped\n'],
    ] as const) {
      expect([kind, argument, await trial.attempt(kind, argument)]).toEqual([
        kind,
        argument,
        result,
      ]);
    }
    expect(await trial.attempt('end')).toContain('executor crashed (exit code 3)');
    // Another process, another /tmp.
    expect(await trial.attempt('read', '/tmp/of-this-task')).toBe('ENOENT');
  });

  it.skipIf(noBubblewrap !== '')('lets the network through if it is told to', async () => {
    await using trial = await Trial.start({ ...rail, wall: { bubblewrap: true, network: true } });
    expect(await trial.attempt('connect-tcp', String(await listening()))).toBe(
      'allowed: connected',
    );
  });
});
