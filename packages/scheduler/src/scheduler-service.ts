import type { DescService } from '@bufbuild/protobuf';
import type { ConnectRouter } from '@connectrpc/connect';
import { AssignmentService } from '@spider/proto';
import { SchedulerService as ReferenceSchedulerService } from '@spider/proto/reference';
import type { Clock, Logger, Rng, Service } from '@spider/runtime';

import type { DispatchConfig } from './config.ts';
import { Dispatcher } from './dispatch/dispatcher.ts';
import { ReadyTaskReader } from './inbound/ready-task-reader.ts';
import type { ReadyTaskSource } from './inbound/ready-task-source.ts';
import { DispatchMachine } from './machine/dispatch-machine.ts';
import type { SchedulerUsage } from './machine/scheduler-usage.ts';
import { POLICIES } from './policy/policies.ts';
import { ReferenceScheduler } from './rpc/reference/scheduler-service.ts';
import { assignmentService } from './rpc/assignment-service.ts';

/** All services that a scheduler has. */
export const SCHEDULER_SERVICES: readonly DescService[] = [
  AssignmentService,
  ReferenceSchedulerService,
];

export interface SchedulerServiceOptions {
  readonly clock: Clock;
  readonly rng: Rng;
  readonly logger: Logger;
  /** Where ready tasks come from: an `RpcReadyTaskSource`, or storage itself in the same process. */
  readonly storage: ReadyTaskSource;
  readonly config: DispatchConfig;
  /** Told whenever storage was found or lost; at first there is none. */
  readonly onConnected?: (isConnected: boolean) => void;
}

/**
 * Pulls ready tasks from storage and assigns them to execution managers, which it serves from the
 * moment its routes are mounted, with or without a storage in reach. Holds nothing that storage
 * would not hand out again.
 */
export class SchedulerService implements Service {
  readonly #options: SchedulerServiceOptions;
  readonly #machine: DispatchMachine;
  readonly #dispatcher: Dispatcher;
  readonly #reference: ReferenceScheduler;
  readonly #stop = new AbortController();
  #running: Promise<void> | undefined;

  constructor(options: SchedulerServiceOptions) {
    const { clock, logger, config } = options;
    this.#options = options;
    this.#machine = new DispatchMachine({
      window: config.readyTaskCapacity,
      policy: POLICIES[config.policy],
      sharing: config.sharing,
      activeJobs: config.activeJobs,
      executionManagersMax: config.executionManagersMax,
    });
    this.#dispatcher = new Dispatcher({
      clock,
      logger,
      machine: this.#machine,
      acknowledgementTimeoutMs: config.acknowledgementTimeoutMs,
    });
    this.#reference = new ReferenceScheduler({
      clock,
      logger,
      dispatcher: this.#dispatcher,
      silenceMs: config.acknowledgementTimeoutMs,
    });
  }

  /** How many ready tasks wait to be assigned. */
  get waitingTasks(): number {
    return this.#machine.waiting;
  }

  /** How many more tasks execution managers would take. */
  get credit(): number {
    return this.#machine.credit;
  }

  /** How many execution managers are connected. */
  get executionManagers(): number {
    return this.#machine.executionManagers;
  }

  /** How much it holds, and may still be given; for tests, and for who looks after it. */
  usage(): SchedulerUsage {
    return this.#machine.usage();
  }

  /** Checks what is assigned and what waits; for tests and the simulator. @throws InvariantError */
  validateState(): void {
    this.#machine.validateState();
  }

  /** Mounts the service that execution managers call. */
  routes(router: ConnectRouter): void {
    const { logger } = this.#options;
    router.service(AssignmentService, assignmentService({ dispatcher: this.#dispatcher, logger }));
    router.service(ReferenceSchedulerService, this.#reference.service);
  }

  /** Pulls ready tasks until the signal is aborted. Never rejects: it reconnects for ever. */
  run(signal: AbortSignal): Promise<void> {
    const { clock, rng, logger, storage: source, config, onConnected } = this.#options;
    const reader = new ReadyTaskReader({
      clock,
      rng,
      logger,
      source,
      dispatcher: this.#dispatcher,
      sharing: config.sharing,
      ...(onConnected && { onConnected }),
    });
    this.#running ??= reader.run(AbortSignal.any([signal, this.#stop.signal]));
    return this.#running;
  }

  /** Leaves storage, which takes back what waits here. Acknowledgements are still heard. */
  async drain(): Promise<void> {
    this.#stop.abort();
    await this.#running;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.drain();
    this.#reference[Symbol.dispose]();
  }
}
