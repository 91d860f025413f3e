import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { createInterface } from 'node:readline';

/** Debian puts the server where only root's PATH looks. */
const EXTRA_FOLDERS = ['/usr/sbin', '/usr/local/sbin', '/usr/libexec'];
const START_DEADLINE_MS = 30_000;

/** Makes an empty database in `data` of the folder. @throws Error with the last words of the tool. */
export async function installMariadb(folder: string): Promise<void> {
  const install = spawn(
    findProgram('mariadb-install-db') ?? 'mariadb-install-db',
    [
      '--no-defaults',
      `--datadir=${join(folder, 'data')}`,
      ...asRoot(),
      '--auth-root-authentication-method=normal',
      '--skip-test-db',
    ],
    // A server that starts deletes whatever looks like a temporary table there, also another's.
    { stdio: ['ignore', 'ignore', 'pipe'], env: { ...process.env, TMPDIR: folder } },
  );
  const lastLines = keepLastLines(install);
  const code = await exitOf(install);
  if (code !== 0) throw new Error(`mariadb-install-db failed:\n${lastLines.join('\n')}`);
}

/** The server refuses to run as root unless it is told to. */
export const asRoot = (): string[] => (process.getuid?.() === 0 ? ['--user=root'] : []);

/** Where the machine offers it, the kernel ends the server with its parent, however that dies. */
export function spawnTiedToParent(
  program: string,
  env: NodeJS.ProcessEnv,
  args: readonly string[],
): ChildProcess {
  const setpriv = findProgram('setpriv');
  const command =
    setpriv === undefined
      ? [program, ...args]
      : [setpriv, '--pdeathsig', 'KILL', '--', program, ...args];
  return spawn(command[0] ?? program, command.slice(1), {
    stdio: ['ignore', 'ignore', 'pipe'],
    env: { ...process.env, ...env },
  });
}

export async function readyToConnect(
  server: ChildProcess,
  deadlineMs = START_DEADLINE_MS,
): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    const lastLines = keepLastLines(server, (line) => {
      if (!line.includes('ready for connections')) return;
      clearTimeout(timer);
      resolve();
    });
    const fail = (reason: string): void => {
      reject(new Error(`MariaDB ${reason}:\n${lastLines.join('\n')}`));
    };
    const timer = setTimeout(() => {
      fail(`was not ready within ${deadlineMs} ms`);
    }, deadlineMs);
    server.once('exit', (code) => {
      clearTimeout(timer);
      fail(`ended with code ${code} while it started`);
    });
    server.once('error', (error) => {
      clearTimeout(timer);
      reject(error);
    });
  });
}

export function keepLastLines(
  child: ChildProcess,
  onLine?: (line: string) => void,
): readonly string[] {
  const lines: string[] = [];
  if (child.stderr === null) return lines;
  createInterface({ input: child.stderr }).on('line', (line) => {
    lines.push(line);
    if (lines.length > 20) lines.shift();
    onLine?.(line);
  });
  return lines;
}

export const hasEnded = ({ exitCode, signalCode }: ChildProcess): boolean =>
  exitCode !== null || signalCode !== null;

export const exitOf = (child: ChildProcess): Promise<number | null> =>
  new Promise((resolve, reject) => {
    if (hasEnded(child)) {
      resolve(child.exitCode);
      return;
    }
    child.once('exit', resolve);
    child.once('error', reject);
  });

export function findProgram(name: string): string | undefined {
  const folders = [...(process.env['PATH'] ?? '').split(delimiter), ...EXTRA_FOLDERS];
  return folders.map((folder) => join(folder, name)).find((path) => existsSync(path));
}
