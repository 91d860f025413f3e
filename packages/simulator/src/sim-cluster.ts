import type { Logger } from '@spider/runtime';
import type { MemoryDatabase } from '@spider/storage/testing';

import type { Draw } from './draw.ts';
import type { LifeCycle } from './life-cycle.ts';
import type { Scenario } from './scenario.ts';
import { SimExecutionManager } from './sim-execution-manager.ts';
import type { TaskAuthor } from './sim-executors.ts';
import type { SimNetwork } from './sim-network.ts';
import type { SimProcess } from './sim-process.ts';
import { SimScheduler } from './sim-scheduler.ts';
import { SimStorage } from './sim-storage.ts';
import type { SimStorageOptions } from './sim-storage.ts';
import type { VirtualTime } from './virtual-time.ts';

export const STORAGE_URLS = ['http://storage-0', 'http://storage-1'] as const;
const SCHEDULER_URL = 'http://scheduler';

/** How long the right to write outlives a storage that says nothing. */
const LEASE_MS = 3_000;
/** How often a storage finds out whether it still has it. */
const RENEW_MS = 1_000;

export interface SimClusterOptions {
  readonly scenario: Scenario;
  readonly time: VirtualTime;
  readonly network: SimNetwork;
  readonly lives: LifeCycle;
  readonly draw: Draw;
  readonly database: MemoryDatabase;
  readonly author: TaskAuthor;
  readonly loggerOf: (process: SimProcess) => Logger;
  readonly store: Pick<SimStorageOptions, 'fault' | 'delayMs' | 'onCommitted'>;
  readonly onSession: (session: bigint) => void;
  /** A process cannot go on, though nobody has hurt it. */
  readonly onFailed: (process: SimProcess, error: unknown) => void;
}

/** Keeps one storage, one scheduler and some execution managers alive, as a supervisor would. */
export class SimCluster {
  readonly #options: SimClusterOptions;
  readonly #executionManagers = new Map<string, SimExecutionManager>();
  #storageProcess: SimProcess | undefined;
  #storage: SimStorage | undefined;
  #scheduler: SimScheduler | undefined;
  #storageStarts = 0;
  #isEnding = false;

  constructor(options: SimClusterOptions) {
    this.#options = options;
    this.#startStorage();
    if (options.scenario.hasSeparateScheduler) this.#startScheduler();
    for (let number = 1; number <= options.scenario.executionManagers; number++) {
      this.#startExecutionManager(`em-${number}`);
    }
  }

  /** The one that is active, if it is up. */
  get storage(): SimStorage | undefined {
    return this.#storage?.process.isAlive === true ? this.#storage : undefined;
  }

  get storageProcess(): SimProcess | undefined {
    return this.#storageProcess;
  }

  get schedulerProcess(): SimProcess | undefined {
    return this.#scheduler?.process;
  }

  /** Those whose process lives. */
  get executionManagers(): readonly SimExecutionManager[] {
    return [...this.#executionManagers.values()].filter(({ process }) => process.isAlive);
  }

  /** Stops a process for a time, and lets another storage take over from a storage. */
  freeze(process: SimProcess, durationMs: number): void {
    const { time, network, draw } = this.#options;
    process.freeze();
    network.frozen(process);
    if (process === this.#storageProcess) {
      time.after(LEASE_MS, () => {
        if (process.isFrozen && process === this.#storageProcess) this.#startStorage();
      });
    }
    time.after(durationMs, () => process.thaw());
    time.after(durationMs + draw.between(0, RENEW_MS), () => {
      const isStorage = process.name.startsWith('storage');
      if (isStorage && process !== this.#storageProcess) process.kill();
    });
  }

  /** Lets an execution manager finish what it runs, and starts it again. */
  async stop(executionManager: SimExecutionManager): Promise<void> {
    await executionManager[Symbol.asyncDispose]();
    executionManager.process.kill();
  }

  /** Ends all in an orderly way. Answers the processes that were alive. */
  async end(): Promise<readonly SimProcess[]> {
    this.#isEnding = true;
    const executionManagers = this.executionManagers;
    for (const executionManager of executionManagers) await executionManager[Symbol.asyncDispose]();
    await this.#scheduler?.[Symbol.asyncDispose]();
    await this.storage?.[Symbol.asyncDispose]();
    return this.#options.lives.living;
  }

  #startStorage(): void {
    const { lives, scenario, onFailed } = this.#options;
    const number = this.#storageStarts++ % STORAGE_URLS.length;
    const process = lives.start(`storage-${number}`);
    this.#storageProcess = process;
    this.#restartWhenDead(process, 2_000, () => {
      if (process === this.#storageProcess) this.#startStorage();
    });
    void this.#runStorage(process, STORAGE_URLS[number] as string, scenario).catch(
      (error: unknown) => {
        onFailed(process, error);
        process.kill();
      },
    );
  }

  async #runStorage(process: SimProcess, url: string, scenario: Scenario): Promise<void> {
    const { network, database, store, loggerOf, onSession } = this.#options;
    const storage = await SimStorage.start({
      ...store,
      process,
      network,
      url,
      database,
      onSession,
      logger: loggerOf(process),
      durability: scenario.durability,
      hasScheduler: !scenario.hasSeparateScheduler,
      policy: scenario.policy,
    });
    if (process === this.#storageProcess) this.#storage = storage;
    await storage.run();
  }

  #startScheduler(): void {
    const { lives, network, scenario, loggerOf, onFailed } = this.#options;
    const process = lives.start('scheduler');
    this.#restartWhenDead(process, 2_000, () => this.#startScheduler());
    this.#scheduler = new SimScheduler({
      process,
      network,
      url: SCHEDULER_URL,
      storageUrls: STORAGE_URLS,
      logger: loggerOf(process),
      policy: scenario.policy,
    });
    this.#scheduler.run().catch((error: unknown) => onFailed(process, error));
  }

  #startExecutionManager(machine: string): void {
    const { lives, network, scenario, author, loggerOf, onFailed } = this.#options;
    const process = lives.start(machine);
    this.#restartWhenDead(process, 5_000, () => this.#startExecutionManager(machine));
    const executionManager = new SimExecutionManager({
      process,
      network,
      author,
      storageUrls: STORAGE_URLS,
      schedulerUrls: scenario.hasSeparateScheduler ? [SCHEDULER_URL] : STORAGE_URLS,
      slots: scenario.slots,
      hasExtensions: scenario.hasExtensions,
      logger: loggerOf(process),
    });
    this.#executionManagers.set(machine, executionManager);
    executionManager.run().catch((error: unknown) => {
      // One whose executors die as soon as they are started gives up, and is started again.
      if (!String(error).includes('an executor did not come up')) onFailed(process, error);
      process.kill();
    });
  }

  #restartWhenDead(process: SimProcess, withinMs: number, restart: () => void): void {
    const { time, network, draw } = this.#options;
    process.onDeath(() => {
      network.serverDied(process);
      time.after(draw.skewed(20, withinMs), () => {
        if (!this.#isEnding) restart();
      });
    });
  }
}
