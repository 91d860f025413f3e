import type { ChildProcess } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  asRoot,
  exitOf,
  findProgram,
  hasEnded,
  installMariadb,
  readyToConnect,
  spawnTiedToParent,
} from './mariadb-process.ts';

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
    await installMariadb(this.#folder);
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
