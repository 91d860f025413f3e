import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { dirname } from 'node:path';
import { SpiderError } from '@spider/core';

/** What the configuration says of the wall around code that is not trusted. */
export interface WallConfig {
  /** The user that executors run as, by number; undefined: the execution manager's. */
  readonly uid: number | undefined;
  readonly gid: number | undefined;
  /** Whether each executor has its own view of files, processes and network, made by bubblewrap. */
  readonly isBubblewrapped: boolean;
  /** Whether a bubblewrapped executor may use the network. */
  readonly hasNetwork: boolean;
}

/** What an executor sees of the machine within bubblewrap. */
export interface WallView {
  readonly read: readonly string[];
  readonly write: readonly string[];
  /** The program that is run, whose folder has to be there. */
  readonly program: string;
}

const SETPRIV = 'setpriv';
const BUBBLEWRAP = 'bwrap';
const TRIAL_TIMEOUT_MS = 10_000;

/** What programs are made of. Nothing of what a machine keeps of its users or services. */
const SYSTEM = [
  '/usr',
  '/lib',
  '/lib32',
  '/lib64',
  '/bin',
  '/sbin',
  '/etc/alternatives',
  '/etc/ld.so.cache',
  '/etc/localtime',
  '/etc/ssl',
  '/etc/ca-certificates',
  '/etc/nsswitch.conf',
  '/etc/hosts',
  '/etc/resolv.conf',
];

/**
 * Tries the wall with a program that does nothing.
 *
 * @throws SpiderError 'failed-precondition' that says what this machine refuses.
 */
export async function tryWall(command: readonly string[]): Promise<void> {
  const [program, ...args] = command;
  if (program === undefined) return;
  try {
    await promisify(execFile)(program, [...args, '/usr/bin/true'], { timeout: TRIAL_TIMEOUT_MS });
  } catch (cause) {
    const { stderr, message } = cause as { readonly stderr?: string; readonly message: string };
    const reason = (stderr ?? '').trim() || message;
    throw new SpiderError(
      'failed-precondition',
      `task_executor.wall: this machine does not let ${program} do it: ${reason}`,
      { cause },
    );
  }
}

/** The start of a command line that runs the rest of it as another user; empty without one. */
export function userCommand({ uid, gid }: WallConfig): readonly string[] {
  if (uid === undefined && gid === undefined) return [];
  return [
    SETPRIV,
    ...(uid === undefined ? [] : [`--reuid=${uid}`]),
    ...(gid === undefined ? [] : [`--regid=${gid}`]),
    '--clear-groups',
    '--no-new-privs',
  ];
}

/** The start of a command line that gives the rest of it its own view of the machine, if at all. */
export function boxCommand(config: WallConfig, view: WallView): readonly string[] {
  const { isBubblewrapped, hasNetwork } = config;
  if (!isBubblewrapped) return [];
  const args = [
    BUBBLEWRAP,
    '--die-with-parent',
    '--unshare-pid',
    '--unshare-ipc',
    '--unshare-uts',
    '--unshare-cgroup-try',
    ...(hasNetwork ? [] : ['--unshare-net']),
    '--cap-drop',
    'ALL',
    '--proc',
    '/proc',
    '--dev',
    '/dev',
    '--tmpfs',
    '/tmp',
  ];
  for (const path of SYSTEM) args.push('--ro-bind-try', path, path);
  for (const path of [dirname(view.program), ...view.read]) args.push('--ro-bind', path, path);
  for (const path of view.write) args.push('--bind', path, path);
  args.push('--remount-ro', '/', '--chdir', '/', '--');
  return args;
}
