import { createInMemoryTransport } from '@spider/runtime';
import type { Logger, PasswordHasher } from '@spider/runtime';
import { nodeZstd } from '@spider/runtime/node';
import { DEFAULT_DISPATCH_CONFIG, SchedulerService } from '@spider/scheduler';
import type { PolicyName } from '@spider/scheduler';
import { storageConfigSchema, StorageService, SupersededError } from '@spider/storage';
import type { MemoryDatabase } from '@spider/storage/testing';

import type { SimNetwork } from './sim-network.ts';
import type { SimProcess } from './sim-process.ts';
import { simStore } from './sim-store.ts';
import type { SimStoreOptions } from './sim-store.ts';

export interface SimStorageOptions extends Omit<SimStoreOptions, 'process' | 'onCommitted'> {
  readonly process: SimProcess;
  readonly network: SimNetwork;
  readonly url: string;
  readonly database: MemoryDatabase;
  readonly logger: Logger;
  readonly durability: 'job' | 'task' | 'sync';
  readonly hasScheduler: boolean;
  readonly policy: PolicyName;
  readonly onSession: (session: bigint) => void;
  readonly onCommitted: (
    session: bigint,
    ...committed: Parameters<SimStoreOptions['onCommitted']>
  ) => void;
}

/** Passwords are none of this simulation's business, and hashing them takes real time. */
const noPasswords: PasswordHasher = {
  hash: () => Promise.reject(new Error('nobody has a password here')),
  verify: () => Promise.resolve(false),
};

/** A storage process, with the scheduler in it if it is not elsewhere. */
export class SimStorage implements AsyncDisposable {
  readonly process: SimProcess;
  readonly service: StorageService;
  readonly #scheduler: SchedulerService | undefined;
  readonly #stop = new AbortController();

  private constructor(
    process: SimProcess,
    service: StorageService,
    scheduler: SchedulerService | undefined,
  ) {
    this.process = process;
    this.service = service;
    this.#scheduler = scheduler;
  }

  /** @throws what keeps a storage from starting. */
  static async start(options: SimStorageOptions): Promise<SimStorage> {
    const { process, database, network, url, logger } = options;
    const { clock, rng } = process;
    const session = await database.openStore(clock.now());
    options.onSession(session.sessionId);
    const service = await StorageService.open({
      config: storageConfigSchema.parse({
        runtime: { journal: { durability: options.durability } },
      }),
      store: simStore(session, {
        ...options,
        onCommitted: (...committed) => options.onCommitted(session.sessionId, ...committed),
      }),
      clock,
      rng,
      logger,
      zstd: nodeZstd,
      passwords: noPasswords,
      identity: { version: '0.1.0', engine: 'sqlite', startedAt: clock.now() },
    });
    const scheduler = options.hasScheduler
      ? new SchedulerService({
          clock,
          rng,
          logger,
          storage: service.readyTasks,
          config: { ...DEFAULT_DISPATCH_CONFIG, policy: options.policy },
        })
      : undefined;
    const transport = createInMemoryTransport(
      (router) => {
        service.routes(router);
        scheduler?.routes(router);
      },
      { logger },
    );
    network.listen(process, url, transport);
    return new SimStorage(process, service, scheduler);
  }

  /** Ends when it is superseded, as the process does then. @throws what it cannot go on after. */
  async run(): Promise<void> {
    void this.#scheduler?.run(this.#stop.signal);
    try {
      await this.service.run(this.#stop.signal);
    } catch (error) {
      if (!(error instanceof SupersededError)) throw error;
    }
    if (!this.#stop.signal.aborted) this.process.kill();
  }

  /** Ends in an orderly way. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort();
    await this.service.drain();
    await this.#scheduler?.[Symbol.asyncDispose]();
    await this.service[Symbol.asyncDispose]();
  }
}
