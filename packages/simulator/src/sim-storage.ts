import { createInMemoryTransport } from '@spider/runtime';
import type { PasswordHasher } from '@spider/runtime';
import { nodeZstd } from '@spider/runtime/node';
import { DEFAULT_DISPATCH_CONFIG, SchedulerService } from '@spider/scheduler';
import type { PolicyName } from '@spider/scheduler';
import { storageConfigSchema, StorageService, SupersededError } from '@spider/storage';
import type { StorageConfig, WriterLeaseKeeper } from '@spider/storage';

import type { Bounds, ConcurrencyLimits } from './scenario.ts';
import { activate } from './sim-activation.ts';
import type { SimActivation, SimActivationOptions } from './sim-activation.ts';
import { pausedTransport } from './paused-transport.ts';
import type { SimNetwork } from './sim-network.ts';
import type { SimProcess } from './sim-process.ts';
import { simStore } from './sim-store.ts';
import type { SimStoreOptions } from './sim-store.ts';

export interface SimStorageOptions
  extends Omit<SimActivationOptions, 'signal'>, Omit<SimStoreOptions, 'onCommitted'> {
  readonly network: SimNetwork;
  readonly url: string;
  readonly durability: 'job' | 'task' | 'sync';
  readonly hasScheduler: boolean;
  readonly policy: PolicyName;
  readonly limits: ConcurrencyLimits;
  readonly bounds: Bounds;
  /** It is active from now on. */
  readonly onActive: (storage: SimStorage) => void;
  readonly onCommitted: (
    session: bigint,
    ...committed: Parameters<SimStoreOptions['onCommitted']>
  ) => void;
}

const MIB = 1024 * 1024;

/** Passwords are none of this simulation's business, and hashing them takes real time. */
const noPasswords: PasswordHasher = {
  hash: () => Promise.reject(new Error('nobody has a password here')),
  verify: () => Promise.resolve(false),
};

/** A storage process, with the scheduler in it if it is not elsewhere. A standby until it is active. */
export class SimStorage implements AsyncDisposable {
  readonly process: SimProcess;
  readonly #options: SimStorageOptions;
  readonly #stop = new AbortController();
  #lease: WriterLeaseKeeper | undefined;
  #service: StorageService | undefined;
  #scheduler: SchedulerService | undefined;
  #running: Promise<void> | undefined;
  #ended: Promise<void> | undefined;

  constructor(options: SimStorageOptions) {
    this.process = options.process;
    this.#options = options;
  }

  /** Once it is active. */
  get service(): StorageService | undefined {
    return this.#service;
  }

  /** Of the scheduler in the same process. */
  get scheduler(): SchedulerService | undefined {
    return this.#scheduler;
  }

  /** Ends when it is superseded, as the process does then. @throws what it cannot go on after. */
  run(): Promise<void> {
    this.#running ??= this.#run();
    return this.#running;
  }

  /** Ends in an orderly way. */
  [Symbol.asyncDispose](): Promise<void> {
    this.#ended ??= this.#end();
    return this.#ended;
  }

  async #end(): Promise<void> {
    this.#stop.abort();
    // Whoever runs it learns why it could not go on.
    await this.#running?.catch(() => undefined);
    await this.#service?.drain();
    await this.#scheduler?.[Symbol.asyncDispose]();
    await this.#service?.[Symbol.asyncDispose]();
    await this.#lease?.[Symbol.asyncDispose]();
  }

  async #run(): Promise<void> {
    const { signal } = this.#stop;
    this.#refuse();
    try {
      const activation = await activate({ ...this.#options, signal });
      this.#lease = activation.lease;
      this.#service = await this.#open(activation);
      this.#serve(this.#service);
      this.#options.onActive(this);
      void this.#scheduler?.run(signal);
      await this.#service.run(signal);
    } catch (error) {
      if (signal.aborted) return;
      if (!(error instanceof SupersededError)) throw error;
    }
    if (!signal.aborted) this.process.kill();
  }

  /** A standby answers, if only that it is one. */
  #refuse(): void {
    const { process, network, url } = this.#options;
    const nothing = createInMemoryTransport(() => undefined);
    network.listen(
      process,
      url,
      pausedTransport(nothing, () => 'this storage is a standby'),
    );
  }

  #open({ store, lease }: SimActivation): Promise<StorageService> {
    const { process, logger, onCommitted } = this.#options;
    const { clock, rng } = process;
    return StorageService.open({
      config: toConfig(this.#options),
      store: simStore(store, {
        ...this.#options,
        onCommitted: (...committed) => onCommitted(store.sessionId, ...committed),
      }),
      clock,
      rng,
      logger,
      zstd: nodeZstd,
      passwords: noPasswords,
      identity: { version: '0.1.0', engine: 'sqlite', startedAt: clock.now() },
      ...(lease && { right: lease }),
    });
  }

  #serve(service: StorageService): void {
    const { process, network, url, logger, hasScheduler, policy, bounds } = this.#options;
    const { clock, rng } = process;
    if (hasScheduler) {
      this.#scheduler = new SchedulerService({
        clock,
        rng,
        logger,
        storage: service.readyTasks,
        config: { ...DEFAULT_DISPATCH_CONFIG, policy, readyTaskCapacity: bounds.readyTasks },
      });
    }
    const transport = createInMemoryTransport(
      (router) => {
        service.routes(router);
        this.#scheduler?.routes(router);
      },
      { logger },
    );
    // Another storage may have taken the place of this one, and knows more.
    const reason = (): string | undefined =>
      this.#lease?.isSure === false ? 'this storage may not be the active one any more' : undefined;
    network.listen(process, url, pausedTransport(transport, reason));
  }
}

function toConfig({ durability, limits, bounds }: SimStorageOptions): StorageConfig {
  const config = storageConfigSchema.parse({
    runtime: {
      journal: { durability },
      limits: { unflushed_bytes: bounds.unflushedBytes },
      concurrency: { resource_groups: limits.groups, task_kinds: limits.kinds },
    },
  });
  // Less than can be configured: the simulated outputs are small.
  const taskOutputs = { memory_mb: bounds.outputBytes / MIB };
  return { ...config, runtime: { ...config.runtime, task_outputs: taskOutputs } };
}
