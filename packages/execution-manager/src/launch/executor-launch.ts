import { realpath } from 'node:fs/promises';
import { existingPath } from './existing-path.ts';
import { executorCommand } from './executor-command.ts';
import { type GuardRailConfig, guardRail } from './guard-rail.ts';
import { endingWithParent } from './parent-death.ts';
import { boxCommand, tryWall, userCommand, type WallConfig } from './wall.ts';

export interface ExecutorLaunchOptions {
  /** The executor's program. */
  readonly binPath: string;
  /** The Node that runs it if it is a script. */
  readonly nodePath: string;
  /** The folder of task packages. */
  readonly packageDir: string;
  readonly guardRail: GuardRailConfig;
  readonly wall: WallConfig;
  /** Memory that JavaScript may use, in MiB; undefined: as much as Node thinks fit. */
  readonly heapMib: number | undefined;
}

export interface ExecutorLaunch {
  readonly command: string;
  readonly args: readonly string[];
  /** Beside what every executor finds in its environment. */
  readonly env: Readonly<Record<string, string>>;
}

/**
 * How executors are started: by Node with the guard rail's flags if their program is a script, behind
 * the wall if there is one, and so that they end with this process.
 *
 * @throws SpiderError 'invalid-argument' if there is no such program or folder, 'failed-precondition'
 * if the machine refuses the wall.
 */
export async function executorLaunch(options: ExecutorLaunchOptions): Promise<ExecutorLaunch> {
  const { nodePath, heapMib, wall } = options;
  const binPath = await existingPath('task_executor.bin_path', options.binPath);
  const packageDir = await existingPath('task_executor.package_dir', options.packageDir);
  const rail = await guardRail(options.guardRail, packageDir, binPath);
  const flags = [...rail.flags];
  if (heapMib !== undefined) flags.push(`--max-old-space-size=${heapMib}`);
  const bare = executorCommand(binPath, nodePath, flags);
  const { read, write } = rail;
  const view = { read, write, program: await realpath(bare.command) };
  const wrap = [...userCommand(wall), ...boxCommand(wall, view)];
  await tryWall(wrap);
  const boxed = inFrontOf(bare, boxCommand(wall, view));
  // Whoever changes its user loses the promise to end with its parent, so that comes after it.
  const ending = await endingWithParent(boxed);
  return {
    ...inFrontOf(ending, userCommand(wall)),
    env: bare.command === nodePath ? rail.env : {},
  };
}

type Command = Pick<ExecutorLaunch, 'command' | 'args'>;

/** The command with another one before it that runs it. */
function inFrontOf({ command, args }: Command, [runner, ...rest]: readonly string[]): Command {
  if (runner === undefined) return { command, args };
  return { command: runner, args: [...rest, command, ...args] };
}
