import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { createInterface } from 'node:readline';

/** Debian puts the server where only root's PATH looks. */
const EXTRA_FOLDERS = ['/usr/sbin', '/usr/local/sbin', '/usr/libexec'];
const START_DEADLINE_MS = 30_000;

export interface PrivateMariadbOptions {
  /** Additions to the environment of the server, at each start. */
  readonly env?: NodeJS.ProcessEnv;
  /** Is told that the server has ended and nobody has killed it. */
  readonly onUnexpectedExit?: () => void;
}

/** A MariaDB server of one's own: on a socket in a temporary folder, gone after the test. */
export interface PrivateMariadb extends AsyncDisposable {
  /** Where to connect, as user `root` without a password. */
  readonly socketPath: string;
  readonly pid: number;
  readonly isRunning: boolean;
  /** Ends the server as a crash would. */
  kill(): Promise<void>;
  /** Starts it again on the same data. */
  restart(): Promise<void>;
}

/** Why this machine can't run a private MariaDB; undefined if it can. For a test's `skipIf`. */
export function mariadbMissing(): string | undefined {
  if (findProgram('mariadbd') !== undefined && findProgram('mariadb-install-db') !== undefined) {
    return undefined;
  }
  return 'MariaDB is not installed (Debian: apt-get install mariadb-server-core mariadb-client-core)';
}

/**
 * Starts a MariaDB with an empty data folder and every commit flushed, in about two seconds.
 *
 * @throws Error with the server's last words if it does not come up.
 */
export async function startPrivateMariadb(
  options: PrivateMariadbOptions = {},
): Promise<PrivateMariadb> {
  const missing = mariadbMissing();
  if (missing !== undefined) throw new Error(missing);
  const folder = await mkdtemp(join(tmpdir(), 'spider-db-'));
  const server = new MariadbServer(folder, options);
  try {
    await server.install();
    await server.restart();
  } catch (error) {
    await server[Symbol.asyncDispose]();
    throw error;
  }
  return server;
}

class MariadbServer implements PrivateMariadb {
  readonly socketPath: string;
  readonly #folder: string;
  readonly #options: PrivateMariadbOptions;
  #process: ChildProcess | undefined;

  constructor(folder: string, options: PrivateMariadbOptions) {
    this.#folder = folder;
    this.#options = options;
    this.socketPath = join(folder, 's');
  }

  get pid(): number {
    const pid = this.#process?.pid;
    if (pid === undefined) throw new Error('the private MariaDB is not running');
    return pid;
  }

  get isRunning(): boolean {
    return this.#process !== undefined && !hasEnded(this.#process);
  }

  async install(): Promise<void> {
    const install = spawn(
      findProgram('mariadb-install-db') ?? 'mariadb-install-db',
      [
        '--no-defaults',
        `--datadir=${join(this.#folder, 'data')}`,
        ...asRoot(),
        '--auth-root-authentication-method=normal',
        '--skip-test-db',
      ],
      // A server that starts deletes whatever looks like a temporary table there, also another's.
      { stdio: ['ignore', 'ignore', 'pipe'], env: { ...process.env, TMPDIR: this.#folder } },
    );
    const lastLines = keepLastLines(install);
    const code = await exitOf(install);
    if (code !== 0) throw new Error(`mariadb-install-db failed:\n${lastLines.join('\n')}`);
  }

  async restart(): Promise<void> {
    const { env = {} } = this.#options;
    const server = spawnTiedToParent(findProgram('mariadbd') ?? 'mariadbd', env, [
      '--no-defaults',
      `--datadir=${join(this.#folder, 'data')}`,
      `--socket=${this.socketPath}`,
      `--tmpdir=${this.#folder}`,
      ...asRoot(),
      '--skip-networking',
      '--skip-name-resolve',
      '--performance-schema=OFF',
      '--innodb-flush-log-at-trx-commit=1',
      '--innodb-buffer-pool-size=128M',
      '--character-set-server=utf8mb4',
      '--collation-server=utf8mb4_bin',
      '--sql-mode=STRICT_ALL_TABLES,NO_ENGINE_SUBSTITUTION',
    ]);
    this.#process = server;
    await readyToConnect(server);
    server.once('exit', () => {
      if (this.#process === server) this.#options.onUnexpectedExit?.();
    });
  }

  async kill(): Promise<void> {
    const server = this.#process;
    this.#process = undefined;
    if (server === undefined) return;
    const exited = exitOf(server);
    server.kill('SIGKILL');
    await exited;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.kill();
    await rm(this.#folder, { recursive: true, force: true });
  }
}

/** The server refuses to run as root unless it is told to. */
const asRoot = (): string[] => (process.getuid?.() === 0 ? ['--user=root'] : []);

/** Where the machine offers it, the kernel ends the server with its parent, however that dies. */
function spawnTiedToParent(
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

async function readyToConnect(server: ChildProcess): Promise<void> {
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
      fail(`was not ready within ${START_DEADLINE_MS} ms`);
    }, START_DEADLINE_MS);
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

function keepLastLines(child: ChildProcess, onLine?: (line: string) => void): readonly string[] {
  const lines: string[] = [];
  if (child.stderr === null) return lines;
  createInterface({ input: child.stderr }).on('line', (line) => {
    lines.push(line);
    if (lines.length > 20) lines.shift();
    onLine?.(line);
  });
  return lines;
}

const hasEnded = ({ exitCode, signalCode }: ChildProcess): boolean =>
  exitCode !== null || signalCode !== null;

const exitOf = (child: ChildProcess): Promise<number | null> =>
  new Promise((resolve, reject) => {
    if (hasEnded(child)) {
      resolve(child.exitCode);
      return;
    }
    child.once('exit', resolve);
    child.once('error', reject);
  });

function findProgram(name: string): string | undefined {
  const folders = [...(process.env['PATH'] ?? '').split(delimiter), ...EXTRA_FOLDERS];
  return folders.map((folder) => join(folder, name)).find((path) => existsSync(path));
}
