import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { chmod, mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  exitOf,
  findProgram,
  hasEnded,
  installMariadb,
  keepLastLines,
  readyToConnect,
  spawnTiedToParent,
} from './mariadb-process.ts';
import { mariadbMissing } from './private-mariadb.ts';

const PROVIDERS = ['/usr/lib/galera/libgalera_smm.so', '/usr/lib64/galera-4/libgalera_smm.so'];
const HOST = '127.0.0.1';
/** A node that joins gets all data first. */
const START_DEADLINE_MS = 60_000;
const START_ATTEMPTS = 5;

/** One node of a Galera cluster of one's own. */
export interface GaleraNode {
  readonly name: string;
  /** Where to connect, on 127.0.0.1, as user `root` without a password. */
  readonly port: number;
  readonly pid: number;
  readonly isRunning: boolean;
  /** Ends the node as a crash would. */
  kill(): Promise<void>;
  /** Starts it again on its data; resolves when it has caught up with the others. */
  restart(): Promise<void>;
}

export interface PrivateGalera extends AsyncDisposable {
  readonly nodes: readonly GaleraNode[];
}

export interface PrivateGaleraOptions {
  readonly nodes: number;
  /** Finds a port of 127.0.0.1 that is free; each node takes four. */
  readonly freePort: () => Promise<number>;
}

/** Why this machine can't run a private Galera cluster; undefined if it can. */
export function galeraMissing(): string | undefined {
  const missing = mariadbMissing();
  if (missing !== undefined) return missing;
  const hasAll =
    PROVIDERS.some((path) => existsSync(path)) &&
    findProgram('wsrep_sst_rsync') !== undefined &&
    findProgram('rsync') !== undefined;
  if (hasAll) return undefined;
  return 'Galera is not installed (Debian: apt-get install mariadb-server galera-4 rsync)';
}

/** Starts a Galera cluster of empty MariaDB servers on this machine. @throws Error if one does not start. */
export async function startPrivateGalera(options: PrivateGaleraOptions): Promise<PrivateGalera> {
  const missing = galeraMissing();
  if (missing !== undefined) throw new Error(missing);
  const folder = await mkdtemp(join(tmpdir(), 'spider-galera-'));
  await chmod(folder, 0o755);
  const nodes: Node[] = [];
  const stop = async (): Promise<void> => {
    await Promise.all(nodes.map((node) => node.kill()));
    await rm(folder, { recursive: true, force: true });
  };
  try {
    for (let at = 0; at < options.nodes; at++) nodes.push(await Node.make(folder, at, options));
    const cluster = nodes.map(({ clusterAddress }) => clusterAddress).join(',');
    for (const node of nodes) await node.join(cluster, node === nodes[0]);
  } catch (error) {
    await stop();
    throw error;
  }
  return { nodes, [Symbol.asyncDispose]: stop };
}

const isRoot = process.getuid?.() === 0;
/** Whom the nodes run as when root starts them: the tool that copies data gives up root's rights. */
const USER = 'nobody';

async function giveAway(folder: string): Promise<void> {
  if (!isRoot) return;
  const code = await exitOf(spawn('chown', ['-R', USER, folder], { stdio: 'ignore' }));
  if (code !== 0) throw new Error(`${folder} can't be given to ${USER}`);
}

interface NodePorts {
  readonly client: number;
  readonly cluster: number;
  readonly stateTransfer: number;
  readonly incrementalTransfer: number;
}

class Node implements GaleraNode {
  readonly name: string;
  readonly #folder: string;
  readonly #ports: NodePorts;
  #cluster = '';
  #process: ChildProcess | undefined;

  private constructor(name: string, folder: string, ports: NodePorts) {
    this.name = name;
    this.#folder = folder;
    this.#ports = ports;
  }

  static async make(folder: string, at: number, { freePort }: PrivateGaleraOptions): Promise<Node> {
    const own = join(folder, `node-${at + 1}`);
    await mkdir(own);
    await installMariadb(own);
    await giveAway(own);
    return new Node(`node-${at + 1}`, own, {
      client: await freePort(),
      cluster: await freePort(),
      stateTransfer: await freePort(),
      incrementalTransfer: await freePort(),
    });
  }

  get port(): number {
    return this.#ports.client;
  }

  get clusterAddress(): string {
    return `${HOST}:${this.#ports.cluster}`;
  }

  get pid(): number {
    const pid = this.#process?.pid;
    if (pid === undefined) throw new Error(`${this.name} is not running`);
    return pid;
  }

  get isRunning(): boolean {
    return this.#process !== undefined && !hasEnded(this.#process);
  }

  async join(cluster: string, isFirst: boolean): Promise<void> {
    this.#cluster = cluster;
    await this.#start(isFirst ? ['--wsrep-new-cluster'] : []);
  }

  async restart(): Promise<void> {
    for (let attempt = 1; ; attempt++) {
      try {
        // From there on it asks the others for what it has missed, instead of for everything.
        await this.#start([`--wsrep-start-position=${await this.#position()}`]);
        return;
      } catch (error) {
        // A node that the others do not answer just now ends, and is to be started again.
        await this.kill();
        if (attempt === START_ATTEMPTS) throw error;
      }
    }
  }

  async kill(): Promise<void> {
    const server = this.#process;
    this.#process = undefined;
    if (server === undefined) return;
    const exited = exitOf(server);
    server.kill('SIGKILL');
    await exited;
  }

  async #start(more: readonly string[]): Promise<void> {
    const server = spawnTiedToParent(findProgram('mariadbd') ?? 'mariadbd', {}, [
      ...this.#options(),
      ...more,
    ]);
    this.#process = server;
    await readyToConnect(server, START_DEADLINE_MS);
  }

  /** The last transaction that is on its disk, as the server finds it out. */
  async #position(): Promise<string> {
    const program = findProgram('mariadbd') ?? 'mariadbd';
    const server = spawnTiedToParent(program, {}, [...this.#options(), '--wsrep-recover']);
    let position: string | undefined;
    const lastLines = keepLastLines(server, (line) => {
      position = /Recovered position:\s*(\S+)/.exec(line)?.[1] ?? position;
    });
    await exitOf(server);
    if (position !== undefined) return position;
    throw new Error(`${this.name} does not find its position:\n${lastLines.join('\n')}`);
  }

  #options(): string[] {
    const { client, cluster, stateTransfer, incrementalTransfer } = this.#ports;
    const provider = [
      `gmcast.listen_addr=tcp://${HOST}:${cluster}`,
      `ist.recv_addr=${HOST}:${incrementalTransfer}`,
      'gcache.size=64M',
      // A node that was killed is given up after some seconds.
      'evs.keepalive_period=PT0.5S',
      'evs.suspect_timeout=PT4S',
    ];
    return [
      '--no-defaults',
      `--datadir=${join(this.#folder, 'data')}`,
      `--socket=${join(this.#folder, 's')}`,
      `--pid-file=${join(this.#folder, 'pid')}`,
      `--tmpdir=${this.#folder}`,
      ...(isRoot ? [`--user=${USER}`] : []),
      `--bind-address=${HOST}`,
      `--port=${client}`,
      '--skip-name-resolve',
      '--performance-schema=OFF',
      '--innodb-flush-log-at-trx-commit=1',
      '--innodb-buffer-pool-size=64M',
      '--character-set-server=utf8mb4',
      '--collation-server=utf8mb4_bin',
      '--sql-mode=STRICT_ALL_TABLES,NO_ENGINE_SUBSTITUTION',
      '--binlog-format=ROW',
      '--default-storage-engine=InnoDB',
      '--innodb-autoinc-lock-mode=2',
      '--wsrep-on=ON',
      `--wsrep-provider=${PROVIDERS.find((path) => existsSync(path)) ?? ''}`,
      `--wsrep-provider-options=${provider.join(';')}`,
      `--wsrep-cluster-address=gcomm://${this.#cluster}`,
      '--wsrep-cluster-name=spider',
      `--wsrep-node-name=${this.name}`,
      `--wsrep-node-address=${HOST}:${cluster}`,
      '--wsrep-sst-method=rsync',
      `--wsrep-sst-receive-address=${HOST}:${stateTransfer}`,
    ];
  }
}
