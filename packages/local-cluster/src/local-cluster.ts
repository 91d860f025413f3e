import { mkdir, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

import { ServiceProcess, type ClusterProcess, type ProcessOptions } from './cluster-process.ts';
import { mergeConfig, type Config } from './merge-config.ts';

/** The scripts of the services; those of this repository by default. */
export interface ServiceBinaries {
  readonly storage: string;
  readonly scheduler: string;
  readonly executionManager: string;
}

export interface LocalClusterOptions {
  /**
   * Where configurations, logs and the database are kept, and where all processes work; made if it is
   * not there.
   */
  readonly directory: string;
  /** The folder of task packages. */
  readonly packageDir: string;
  /** 1 by default. */
  readonly executionManagers?: number | undefined;
  /** Of each execution manager; one for each core by default. */
  readonly slots?: number | undefined;
  /** Whether the scheduler runs within the storage process, as it does by default. */
  readonly embeddedScheduler?: boolean | undefined;
  /** 0, the default, takes any free port. */
  readonly storagePort?: number | undefined;
  /** `info` by default. */
  readonly logLevel?: 'debug' | 'info' | 'warn' | 'error' | undefined;
  /** Takes the log lines of all processes; without it each has a file in `directory`. */
  readonly onLog?: ((processName: string, line: string) => void) | undefined;
  /** Additions to the environment of all processes, or of the one of that name. */
  readonly env?: NodeJS.ProcessEnv | ((processName: string) => NodeJS.ProcessEnv) | undefined;
  /** Additions to the configurations, over those that are made here; called at each start. */
  readonly config?:
    | {
        readonly storage?: Config;
        readonly scheduler?: Config;
        readonly executionManager?: Config | ((processName: string) => Config);
      }
    | undefined;
  /** Is told of a process that ends and that nobody has killed, in place of `failed`. */
  readonly onUnexpectedExit?: ((process: ClusterProcess, error: Error) => void) | undefined;
  readonly binaries?: Partial<ServiceBinaries> | undefined;
  /** Gives up the start. */
  readonly signal?: AbortSignal | undefined;
  /** How long each process may take to get ready; 30,000 by default. */
  readonly startTimeoutMs?: number | undefined;
  /** How long each process may take to end by itself; 10,000 by default. */
  readonly stopTimeoutMs?: number | undefined;
}

export interface LocalCluster extends AsyncDisposable {
  /** Where clients connect. */
  readonly storageUrl: string;
  /** The same as `storageUrl` where the scheduler is embedded. */
  readonly schedulerUrl: string;
  readonly processes: {
    readonly storage: ClusterProcess;
    readonly scheduler?: ClusterProcess;
    readonly executionManagers: readonly ClusterProcess[];
  };
  /** Rejects when a process ends that nobody has killed; never resolves. */
  readonly failed: Promise<never>;
  /** Starts one more; it is the last of `processes.executionManagers` then. */
  addExecutionManager(): Promise<ClusterProcess>;
  /** Ends everything: execution managers first, storage last. */
  stop(): Promise<void>;
}

/**
 * Starts the services as processes of this machine. They end with the cluster, and with this process
 * however it ends.
 *
 * @throws Error with the last lines of its log if a process does not get ready; nothing is left
 * running then.
 */
export async function startLocalCluster(options: LocalClusterOptions): Promise<LocalCluster> {
  const directory = resolve(options.directory);
  const packageDir = resolve(options.packageDir);
  await mkdir(directory, { recursive: true });
  const cluster = new ProcessCluster({ ...options, directory, packageDir });
  try {
    await cluster.start();
  } catch (error) {
    await cluster.stop();
    throw error;
  }
  return cluster;
}

const HOST = '127.0.0.1';

class ProcessCluster implements LocalCluster {
  readonly #options: LocalClusterOptions;
  readonly #storage: ServiceProcess;
  readonly #scheduler: ServiceProcess | undefined;
  readonly #executionManagers: ServiceProcess[] = [];
  readonly #failure = Promise.withResolvers<never>();
  #stopped: Promise<void> | undefined;

  constructor(options: LocalClusterOptions) {
    this.#options = options;
    const { embeddedScheduler = true } = options;
    // Nobody has to listen.
    this.#failure.promise.catch(() => undefined);
    this.#storage = this.#service('storage', 'spider-storage', 'storage', () => ({
      host: HOST,
      port: portOf(this.#storage.detail) ?? options.storagePort ?? 0,
      runtime: { db: { engine: 'sqlite', path: join(options.directory, 'storage.sqlite') } },
      scheduler: { embedded: embeddedScheduler },
    }));
    if (embeddedScheduler) return;
    const scheduler = this.#service('scheduler', 'spider-scheduler', 'scheduler', () => ({
      host: HOST,
      port: portOf(scheduler.detail) ?? 0,
      storage_endpoint: endpointOf(this.storageUrl),
    }));
    this.#scheduler = scheduler;
  }

  get storageUrl(): string {
    return this.#storage.detail;
  }

  get schedulerUrl(): string {
    return this.#scheduler?.detail ?? this.storageUrl;
  }

  get processes(): LocalCluster['processes'] {
    return {
      storage: this.#storage,
      ...(this.#scheduler && { scheduler: this.#scheduler }),
      executionManagers: [...this.#executionManagers],
    };
  }

  get failed(): Promise<never> {
    return this.#failure.promise;
  }

  async start(): Promise<void> {
    const { signal, executionManagers = 1 } = this.#options;
    await this.#storage.start(signal);
    await this.#scheduler?.start(signal);
    const starts = Array.from({ length: executionManagers }, () =>
      this.#addManager().start(signal),
    );
    // All have to be over before those that work can be stopped.
    const results = await Promise.allSettled(starts);
    const failure = results.find((result) => result.status === 'rejected');
    if (failure !== undefined) throw failure.reason;
  }

  async addExecutionManager(): Promise<ClusterProcess> {
    const manager = this.#addManager();
    try {
      await manager.start();
    } catch (error) {
      this.#executionManagers.splice(this.#executionManagers.indexOf(manager), 1);
      throw error;
    }
    return manager;
  }

  stop(): Promise<void> {
    this.#stopped ??= this.#stop();
    return this.#stopped;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }

  async #stop(): Promise<void> {
    await Promise.all(this.#executionManagers.map((manager) => manager.stop()));
    await this.#scheduler?.stop();
    await this.#storage.stop();
  }

  #addManager(): ServiceProcess {
    const { packageDir, slots } = this.#options;
    const name = `execution-manager-${this.#executionManagers.length + 1}`;
    const manager = this.#service(name, 'spider-execution-manager', 'executionManager', () => ({
      storage: endpointOf(this.storageUrl),
      scheduler: endpointOf(this.schedulerUrl),
      ...(slots !== undefined && { slots }),
      task_executor: { package_dir: packageDir },
    }));
    this.#executionManagers.push(manager);
    return manager;
  }

  #service(
    name: string,
    binary: string,
    kind: keyof ServiceBinaries,
    makeConfig: () => Config,
  ): ServiceProcess {
    const { directory, onLog, logLevel = 'info', env, config, binaries } = this.#options;
    const { onUnexpectedExit } = this.#options;
    const configPath = join(directory, `${name}.yaml`);
    const prepare: ProcessOptions['prepare'] = async () => {
      // JSON is YAML.
      const given = config?.[kind] ?? {};
      const additions = typeof given === 'function' ? given(name) : given;
      const text = JSON.stringify(mergeConfig(makeConfig(), additions), undefined, 2);
      await writeFile(configPath, `${text}\n`);
      return ['--config', configPath];
    };
    const service: ServiceProcess = new ServiceProcess({
      name,
      binary,
      prepare,
      path: resolve(binaries?.[kind] ?? OWN_BINARIES[kind]),
      directory,
      env: {
        ...process.env,
        SPIDER_LOG: logLevel,
        ...(typeof env === 'function' ? env(name) : env),
      },
      startTimeoutMs: this.#options.startTimeoutMs ?? 30_000,
      stopTimeoutMs: this.#options.stopTimeoutMs ?? 10_000,
      onLog: onLog && ((line) => onLog(name, line)),
      logPath: join(directory, `${name}.log`),
      onUnexpectedExit: (error) => {
        if (onUnexpectedExit === undefined) this.#failure.reject(error);
        else onUnexpectedExit(service, error);
      },
    });
    return service;
  }
}

/** Of the same workspace as this package. */
const OWN_BINARIES: ServiceBinaries = {
  storage: ownBinary('storage'),
  scheduler: ownBinary('scheduler'),
  executionManager: ownBinary('em'),
};

function ownBinary(app: string): string {
  return fileURLToPath(new URL(`../../../apps/${app}/dist/main.js`, import.meta.url));
}

function endpointOf(url: string): Config {
  const { hostname, port } = new URL(url);
  return { host: hostname, port: Number(port) };
}

const portOf = (url: string): number | undefined =>
  url === '' ? undefined : Number(new URL(url).port);
