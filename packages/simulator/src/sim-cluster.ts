import type { Logger } from '@spider/runtime';
import type { SchedulerService } from '@spider/scheduler';
import type { MemoryDatabase } from '@spider/storage/testing';

import type { Draw } from './draw.ts';
import type { LifeCycle } from './life-cycle.ts';
import type { Machine } from './machine.ts';
import type { Scenario } from './scenario.ts';
import { SimExecutionManager } from './sim-execution-manager.ts';
import type { TaskAuthor } from './sim-executors.ts';
import type { SimNetwork } from './sim-network.ts';
import type { SimProcess } from './sim-process.ts';
import { SimScheduler } from './sim-scheduler.ts';
import { SimStorage } from './sim-storage.ts';
import type { SimStorageOptions } from './sim-storage.ts';
import type { VirtualTime } from './virtual-time.ts';

const STORAGE_URLS = ['http://storage-0', 'http://storage-1'] as const;
export const SCHEDULER_URL = 'http://scheduler';

export interface SimClusterOptions {
  readonly scenario: Scenario;
  readonly time: VirtualTime;
  readonly network: SimNetwork;
  readonly lives: LifeCycle;
  readonly draw: Draw;
  readonly database: MemoryDatabase;
  readonly author: TaskAuthor;
  readonly loggerOf: (process: SimProcess) => Logger;
  readonly store: Pick<SimStorageOptions, 'fault' | 'crash' | 'delayMs' | 'onCommitted'>;
  readonly onSession: (session: bigint) => void;
  /** A process cannot go on, though nobody has hurt it. */
  readonly onFailed: (process: SimProcess, error: unknown) => void;
}

/** Addresses of storage. Beside a lock there is no standby. */
export const urlsOf = ({ takeOver }: Scenario): readonly string[] =>
  takeOver === 'lease' ? STORAGE_URLS : STORAGE_URLS.slice(0, 1);

/** Keeps storages, one scheduler and some execution managers alive, as a supervisor would. */
export class SimCluster {
  readonly #options: SimClusterOptions;
  readonly #executionManagers = new Map<string, SimExecutionManager>();
  readonly #storageUrls: readonly string[];
  /** By their address. */
  readonly #storages = new Map<string, SimStorage>();
  #active: SimStorage | undefined;
  #scheduler: SimScheduler | undefined;
  #isEnding = false;

  constructor(options: SimClusterOptions) {
    this.#options = options;
    this.#storageUrls = urlsOf(options.scenario);
    for (const url of this.#storageUrls) this.#startStorage(url);
    if (options.scenario.hasSeparateScheduler) this.#startScheduler();
    options.scenario.machines.forEach((machine, at) =>
      this.#startExecutionManager(`em-${at + 1}`, machine),
    );
  }

  /** The one that has become active last, if its process lives. */
  get storage(): SimStorage | undefined {
    return this.#active?.process.isAlive === true ? this.#active : undefined;
  }

  /** Those that are active or wait to be. */
  get storages(): readonly SimStorage[] {
    return [...this.#storages.values()].filter(({ process }) => process.isAlive);
  }

  /** That of the active storage, if there is none in a process of its own. */
  get scheduler(): SchedulerService | undefined {
    return this.#options.scenario.hasSeparateScheduler
      ? this.#scheduler?.service
      : this.storage?.scheduler;
  }

  get schedulerProcess(): SimProcess | undefined {
    return this.#scheduler?.process;
  }

  /** Those whose process lives. */
  get executionManagers(): readonly SimExecutionManager[] {
    return [...this.#executionManagers.values()].filter(({ process }) => process.isAlive);
  }

  /** Stops a process for a time; one that stands still already goes on when it was to. */
  freeze(process: SimProcess, durationMs: number): void {
    if (process.isFrozen) return;
    const { time, network } = this.#options;
    process.freeze();
    network.frozen(process);
    time.after(durationMs, () => process.thaw());
  }

  /** Ends one in an orderly way, as SIGTERM does, and starts it again. */
  async stop(one: SimExecutionManager | SimStorage): Promise<void> {
    await one[Symbol.asyncDispose]();
    one.process.kill();
  }

  /** Ends all in an orderly way. Answers the processes that were alive. */
  async end(): Promise<readonly SimProcess[]> {
    this.#isEnding = true;
    const executionManagers = this.executionManagers;
    for (const executionManager of executionManagers) await executionManager[Symbol.asyncDispose]();
    await this.#scheduler?.[Symbol.asyncDispose]();
    for (const storage of this.storages) await storage[Symbol.asyncDispose]();
    return this.#options.lives.living;
  }

  #startStorage(url: string): void {
    const { lives, network, database, scenario, store, loggerOf, onSession, onFailed } =
      this.#options;
    const process = lives.start(new URL(url).hostname);
    this.#restartWhenDead(process, 2_000, () => this.#startStorage(url));
    const storage = new SimStorage({
      ...store,
      process,
      network,
      url,
      database,
      onSession,
      freeze: (frozen) => this.#freezeInCall(frozen),
      logger: loggerOf(process),
      takeOver: scenario.takeOver,
      leaseMs: scenario.leaseMs,
      durability: scenario.durability,
      hasScheduler: !scenario.hasSeparateScheduler,
      policy: scenario.policy,
      limits: scenario.limits,
      bounds: scenario.bounds,
      onActive: (active) => (this.#active = active),
    });
    this.#storages.set(url, storage);
    storage.run().catch((error: unknown) => {
      onFailed(process, error);
      process.kill();
    });
  }

  /** Resolves when the call of the database that is under way gets there. */
  #freezeInCall(process: SimProcess): Promise<void> {
    const { time, draw } = this.#options;
    const { promise, resolve } = Promise.withResolvers<void>();
    const durationMs = draw.skewed(1_000, 15_000);
    this.freeze(process, durationMs);
    time.after(durationMs * draw.between(0.5, 1), resolve);
    return promise;
  }

  #startScheduler(): void {
    const { lives, network, scenario, loggerOf, onFailed } = this.#options;
    const process = lives.start('scheduler');
    this.#restartWhenDead(process, 2_000, () => this.#startScheduler());
    this.#scheduler = new SimScheduler({
      process,
      network,
      url: SCHEDULER_URL,
      storageUrls: this.#storageUrls,
      logger: loggerOf(process),
      policy: scenario.policy,
      readyTasks: scenario.bounds.readyTasks,
    });
    this.#scheduler.run().catch((error: unknown) => onFailed(process, error));
  }

  #startExecutionManager(name: string, machine: Machine): void {
    const { lives, network, scenario, author, loggerOf, onFailed } = this.#options;
    const process = lives.start(name);
    this.#restartWhenDead(process, 5_000, () => this.#startExecutionManager(name, machine));
    const executionManager = new SimExecutionManager({
      process,
      network,
      author,
      storageUrls: this.#storageUrls,
      schedulerUrls: scenario.hasSeparateScheduler ? [SCHEDULER_URL] : this.#storageUrls,
      slots: scenario.slots,
      machine,
      hasExtensions: scenario.hasExtensions,
      logger: loggerOf(process),
    });
    this.#executionManagers.set(name, executionManager);
    void executionManager.drainRequested.then(() => this.stop(executionManager));
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
