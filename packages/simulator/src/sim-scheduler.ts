import { createInMemoryTransport } from '@spider/runtime';
import type { Logger } from '@spider/runtime';
import { DEFAULT_DISPATCH_CONFIG, RpcReadyTaskSource, SchedulerService } from '@spider/scheduler';
import type { PolicyName } from '@spider/scheduler';

import type { SimNetwork } from './sim-network.ts';
import type { SimProcess } from './sim-process.ts';

export interface SimSchedulerOptions {
  readonly process: SimProcess;
  readonly network: SimNetwork;
  readonly url: string;
  readonly storageUrls: readonly string[];
  readonly logger: Logger;
  readonly policy: PolicyName;
  /** How many may wait in it, for each pool. */
  readonly readyTasks: number;
}

/** A scheduler in a process of its own. */
export class SimScheduler implements AsyncDisposable {
  readonly process: SimProcess;
  readonly service: SchedulerService;
  readonly #stop = new AbortController();

  constructor(options: SimSchedulerOptions) {
    const { process, network, url, storageUrls, logger, policy, readyTasks } = options;
    const { clock, rng } = process;
    this.process = process;
    this.service = new SchedulerService({
      clock,
      rng,
      logger,
      storage: new RpcReadyTaskSource({
        endpoints: storageUrls,
        advertised: () => ({ host: 'scheduler', port: 50_052 }),
        connect: (storageUrl) => network.connect(process, storageUrl),
        logger,
      }),
      config: { ...DEFAULT_DISPATCH_CONFIG, policy, readyTaskCapacity: readyTasks },
    });
    const transport = createInMemoryTransport((router) => this.service.routes(router), { logger });
    network.listen(process, url, transport);
  }

  async run(): Promise<void> {
    await this.service.run(this.#stop.signal);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort();
    await this.service[Symbol.asyncDispose]();
  }
}
