import { ExecutionManagerService } from '@spider/execution-manager';
import type { Logger } from '@spider/runtime';

import { SimExecutors } from './sim-executors.ts';
import type { TaskAuthor } from './sim-executors.ts';
import type { Machine } from './machine.ts';
import type { SimConnection } from './sim-connection.ts';
import type { SimNetwork } from './sim-network.ts';
import type { SimProcess } from './sim-process.ts';

export interface SimExecutionManagerOptions {
  readonly process: SimProcess;
  readonly network: SimNetwork;
  readonly storageUrls: readonly string[];
  readonly schedulerUrls: readonly string[];
  readonly slots: number;
  readonly machine: Machine;
  readonly hasExtensions: boolean;
  readonly author: TaskAuthor;
  readonly logger: Logger;
}

/** As the configuration has it by default. */
const LIVENESS = { silenceMs: 2_000, attemptMs: 1_000 };

/** An execution manager process, whose executors are no processes. */
export class SimExecutionManager implements AsyncDisposable {
  readonly process: SimProcess;
  readonly executors: SimExecutors;
  readonly #service: ExecutionManagerService;
  readonly #stop = new AbortController();
  #running: Promise<void> | undefined;

  constructor(options: SimExecutionManagerOptions) {
    const { process, network } = options;
    this.process = process;
    this.executors = new SimExecutors(options);
    process.onDeath(() => this.executors.abandon());
    const connections = new Map<string, SimConnection>();
    this.#service = new ExecutionManagerService({
      clock: process.clock,
      rng: process.rng,
      logger: options.logger,
      host: process.name,
      version: '0.1.0',
      slots: options.slots,
      labels: options.machine.labels,
      resourceGroupIds: options.machine.groups,
      storageEndpoints: options.storageUrls,
      schedulerEndpoints: options.schedulerUrls,
      liveness: LIVENESS,
      cancelGraceMs: 1_000,
      startTimeoutMs: 10_000,
      drainTimeoutMs: 50_000,
      spawn: this.executors.spawn,
      connect: (url) => {
        const connection = connections.get(url) ?? network.connect(process, url);
        connections.set(url, connection);
        return connection;
      },
    });
  }

  /** @throws what it cannot go on after. */
  run(): Promise<void> {
    this.#running ??= this.#service.run(this.#stop.signal);
    return this.#running;
  }

  /** Its id, once it is registered. */
  get ready(): Promise<bigint> {
    return this.#service.ready;
  }

  /** Resolves when storage wants it to end. */
  get drainRequested(): Promise<void> {
    return this.#service.drainRequested;
  }

  /** As SIGTERM: finishes what runs and leaves. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#service.drain();
    this.#stop.abort();
    // Whoever runs it learns why it could not go on.
    await this.#running?.catch(() => undefined);
    await this.#service[Symbol.asyncDispose]();
  }
}
