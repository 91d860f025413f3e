import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type ChaosDatabase, openChaosDatabase } from '../database.ts';
import { freePort, ServerProcess } from '../server-process.ts';

const TASK_PACKAGES = fileURLToPath(new URL('../../dist/task-packages', import.meta.url));
const HOST = '127.0.0.1';
const SLOTS = 2;

export interface ProofClusterOptions {
  readonly directory: string;
  readonly db: 'sqlite' | 'mariadb';
  readonly durability: 'task' | 'sync';
  /** Where storages may be: each is started at the next of so many places. */
  readonly places: number;
  /** Whether the scheduler is a process of its own. */
  readonly separateScheduler: boolean;
  readonly executionManagers: number;
}

export interface StorageOptions {
  /** Counted from 0; the next one by default. */
  readonly place?: number;
  readonly standby?: boolean;
  /** As whom it writes to the database server. */
  readonly username?: string;
  readonly leaseMs?: number;
}

/** The servers of a proof. They are started and killed one by one, and all end with it. */
export class ProofCluster implements AsyncDisposable {
  readonly database: ChaosDatabase;
  readonly #options: ProofClusterOptions;
  readonly #ports: readonly number[];
  readonly #schedulerPort: number;
  readonly #servers = new Set<ServerProcess>();
  #managers: readonly ServerProcess[] = [];
  #started = 0;

  private constructor(
    options: ProofClusterOptions,
    database: ChaosDatabase,
    ports: readonly number[],
  ) {
    this.#options = options;
    this.database = database;
    [this.#schedulerPort = 0, ...this.#ports] = ports;
  }

  static async create(options: ProofClusterOptions): Promise<ProofCluster> {
    const database = await openChaosDatabase(options.db, options.directory);
    const ports: number[] = [];
    for (let place = 0; place <= options.places; place++) ports.push(await freePort());
    return new ProofCluster(options, database, ports);
  }

  /** What the tasks note their executions in. */
  get record(): string {
    return join(this.#options.directory, 'executions');
  }

  get storageUrls(): string[] {
    return this.#ports.map((port) => `http://${HOST}:${port}`);
  }

  get managers(): readonly ServerProcess[] {
    return this.#managers;
  }

  /** Starts a storage at the next place. With several places it stands by while another is active. */
  async startStorage(options: StorageOptions = {}): Promise<ServerProcess> {
    const { durability, separateScheduler } = this.#options;
    const place = options.place ?? this.#started % this.#ports.length;
    const { username } = options;
    return await this.#start('storage', `storage-${++this.#started}`, {
      host: HOST,
      port: this.#ports[place],
      standby: options.standby ?? this.#ports.length > 1,
      scheduler: { embedded: !separateScheduler },
      runtime: {
        db: {
          ...this.database.config,
          ...(username !== undefined && { credentials: { username, password: '' } }),
        },
        journal: { durability },
        ...(options.leaseMs !== undefined && {
          lease: { duration_ms: options.leaseMs, renew_ms: options.leaseMs / 2 },
        }),
      },
    });
  }

  /** Starts the execution managers anew, and the scheduler if it is a process of its own. */
  async startWorkers(): Promise<void> {
    const { separateScheduler, executionManagers } = this.#options;
    const storages = this.#ports.map((port) => ({ host: HOST, port }));
    const scheduler = { host: HOST, port: this.#schedulerPort };
    if (separateScheduler && this.#managers.length === 0) {
      const config = { ...scheduler, storage_endpoints: storages };
      await (await this.#start('scheduler', 'scheduler', config)).until('ready');
    }
    const numbers = Array.from({ length: executionManagers }, (_, number) => number);
    this.#managers = await Promise.all(
      numbers.map((number) =>
        this.#start('em', `execution-manager-${number}-${this.#started}`, {
          storage_endpoints: storages,
          ...(separateScheduler && { scheduler }),
          slots: SLOTS,
          task_executor: {
            package_dir: TASK_PACKAGES,
            inherited_env: ['SPIDER_CHAOS_RECORD'],
            guard_rail: { write: [this.#options.directory] },
          },
        }),
      ),
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    // There is nothing left that they should take their time for.
    for (const server of this.#servers) server.kill('SIGKILL');
    await Promise.all([...this.#servers].map((server) => server.exited));
    await this.database[Symbol.asyncDispose]();
  }

  async #start(
    app: 'storage' | 'scheduler' | 'em',
    name: string,
    config: unknown,
  ): Promise<ServerProcess> {
    const { directory } = this.#options;
    const env = { SPIDER_CHAOS_RECORD: this.record };
    const server = await ServerProcess.start({ app, name, directory, config, env });
    this.#servers.add(server);
    void server.exited.then(() => this.#servers.delete(server));
    return server;
  }
}
