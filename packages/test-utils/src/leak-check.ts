import { readdir, readFile, readlink } from 'node:fs/promises';

/** A process that outlived the test that started it. */
export interface LeftoverProcess {
  readonly pid: number;
  readonly parent: number;
  readonly command: string;
  /** The folder that it works in. */
  readonly folder: string;
}

/** All that descends from a process, this one unless told otherwise. Empty without a /proc. */
export async function descendantProcesses(
  root: number = process.pid,
): Promise<readonly LeftoverProcess[]> {
  const running = await listProcesses();
  const descendants: LeftoverProcess[] = [];
  const parents = [root];
  for (let parent = parents.pop(); parent !== undefined; parent = parents.pop()) {
    for (const candidate of running) {
      if (candidate.parent !== parent) continue;
      descendants.push(candidate);
      parents.push(candidate.pid);
    }
  }
  return descendants;
}

/**
 * All whose command line or working folder holds a text, such as the folder of a cluster: finds what
 * was left behind even when its parents are gone. Empty without a /proc.
 */
export async function processesNaming(text: string): Promise<readonly LeftoverProcess[]> {
  const running = await listProcesses();
  return running.filter(
    ({ pid, command, folder }) =>
      pid !== process.pid && (command.includes(text) || folder.includes(text)),
  );
}

async function listProcesses(): Promise<readonly LeftoverProcess[]> {
  const names = await readdir('/proc').catch((): string[] => []);
  const found = await Promise.all(
    names.filter((name) => /^\d+$/.test(name)).map((name) => readProcess(Number(name))),
  );
  return found.filter((entry) => entry !== undefined);
}

/** Undefined for a process that has ended meanwhile, a zombie included. */
async function readProcess(pid: number): Promise<LeftoverProcess | undefined> {
  try {
    const [stat, commandLine, folder] = await Promise.all([
      readFile(`/proc/${pid}/stat`, 'latin1'),
      readFile(`/proc/${pid}/cmdline`, 'utf8'),
      readlink(`/proc/${pid}/cwd`),
    ]);
    // The name in the second field may hold spaces and parentheses; the rest comes after the last.
    const [state, parent] = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    if (state === 'Z') return undefined;
    const command = commandLine.replaceAll('\0', ' ').trim();
    return { pid, parent: Number(parent), command, folder };
  } catch {
    return undefined;
  }
}
