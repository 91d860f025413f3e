import { expect, onTestFinished, test } from 'vitest';
import { TemporaryDirectory } from '../testing/temporary-directory.ts';
import { executorLaunch, type ExecutorLaunchOptions } from './executor-launch.ts';
import { boxCommand, tryWall, userCommand } from './wall.ts';

const NO_WALL = { uid: undefined, gid: undefined, isBubblewrapped: false, hasNetwork: false };

function optionsIn(directory: TemporaryDirectory): ExecutorLaunchOptions {
  directory.put('executor/package.json', { name: 'executor', dependencies: { library: '1' } });
  directory.put('executor/main.js', '');
  directory.put('node_modules/library/package.json', { name: 'library' });
  directory.put('packages/p/package.json', { spider: { permissions: ['workers', 'addons'] } });
  return {
    binPath: directory.at('executor/main.js'),
    nodePath: process.execPath,
    packageDir: directory.at('packages'),
    guardRail: { enabled: true, read: ['/usr'], write: ['/tmp'], allow: ['workers', 'wasi'] },
    wall: NO_WALL,
    heapMib: 512,
  };
}

function temporaryDirectory(): TemporaryDirectory {
  const directory = new TemporaryDirectory();
  onTestFinished(() => directory[Symbol.dispose]());
  return directory;
}

test('a script is run by Node, which lets it read its packages and what they depend on', async () => {
  const directory = temporaryDirectory();
  const { args, env } = await executorLaunch(optionsIn(directory));
  const flags = args.slice(args.indexOf('--permission'));
  expect(flags).toEqual([
    '--permission',
    ...['packages', 'executor', 'node_modules/library'].map(
      (path) => `--allow-fs-read=${directory.at(path)}`,
    ),
    '--allow-fs-read=/usr',
    '--allow-fs-read=/tmp',
    '--allow-fs-write=/tmp',
    '--allow-worker',
    '--no-experimental-sqlite',
    '--disable-warning=SecurityWarning',
    '--max-old-space-size=512',
    directory.at('executor/main.js'),
  ]);
  expect(env).toEqual({ SPIDER_EXECUTOR_PERMISSIONS: 'workers' });
});

test('without the guard rail it may do everything', async () => {
  const options = optionsIn(temporaryDirectory());
  const guardRail = { ...options.guardRail, enabled: false };
  const { args, env } = await executorLaunch({ ...options, guardRail });
  expect(args.filter((flag) => flag.includes('allow') || flag === '--permission')).toEqual([]);
  expect(env).toEqual({});
});

test('another program is run as it is: Node’s flags mean nothing to it', async () => {
  const options = optionsIn(temporaryDirectory());
  const { command, args, env } = await executorLaunch({ ...options, binPath: '/usr/bin/true' });
  expect([command, ...args].at(-1)).toBe('/usr/bin/true');
  expect(args.filter((flag) => flag.includes('allow'))).toEqual([]);
  expect(env).toEqual({});
});

test.each([
  ['package_dir', { packageDir: '/no/such/folder' }],
  ['bin_path', { binPath: '/no/such/executor' }],
])('a %s that is not there is refused, with the key', async (key, more) => {
  const options = optionsIn(temporaryDirectory());
  await expect(executorLaunch({ ...options, ...more })).rejects.toMatchObject({
    code: 'invalid-argument',
    message: expect.stringMatching(`task_executor.${key} is /no/such/.*: there is no`) as string,
  });
});

test('a wall that the machine does not let be built is no wall', async () => {
  await expect(tryWall(['false', '--unshare-everything'])).rejects.toMatchObject({
    code: 'failed-precondition',
    message: expect.stringContaining(
      'task_executor.wall: this machine does not let false',
    ) as string,
  });
  await tryWall([]);
});

test('the wall is another user, and a box that has only what is needed in it', () => {
  const view = { read: ['/packages'], write: ['/scratch'], program: '/opt/node/bin/node' };
  expect(userCommand(NO_WALL)).toEqual([]);
  expect(boxCommand(NO_WALL, view)).toEqual([]);
  expect(userCommand({ ...NO_WALL, uid: 1, gid: 2 }).slice(0, 3)).toEqual([
    'setpriv',
    '--reuid=1',
    '--regid=2',
  ]);
  const box = boxCommand({ ...NO_WALL, isBubblewrapped: true }, view).join(' ');
  for (const part of [
    '--unshare-pid',
    '--unshare-net',
    '--ro-bind /packages /packages',
    '--ro-bind /opt/node/bin /opt/node/bin',
    '--bind /scratch /scratch',
  ]) {
    expect(box).toContain(part);
  }
  const open = boxCommand({ ...NO_WALL, isBubblewrapped: true, hasNetwork: true }, view);
  expect(open).not.toContain('--unshare-net');
});
