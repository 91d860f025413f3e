import type { Draw } from './draw.ts';
import { FAULTS } from './scenario.ts';
import type { Fault, Scenario } from './scenario.ts';
import { SCHEDULER_URL, urlsOf } from './sim-cluster.ts';
import type { SimCluster } from './sim-cluster.ts';
import type { SimNetwork } from './sim-network.ts';
import type { SimProcess } from './sim-process.ts';
import type { StoreFault } from './sim-store.ts';
import type { VirtualTime } from './virtual-time.ts';

export interface FaultPlanOptions {
  readonly scenario: Scenario;
  readonly time: VirtualTime;
  readonly draw: Draw;
  readonly network: SimNetwork;
  readonly cluster: () => SimCluster;
  /** Has storage drain an execution manager. */
  readonly drain: (executionManagerId: bigint) => void;
  readonly trace: (text: string) => void;
}

/** Hurts a world, again and again, until it is to heal. */
export class FaultPlan {
  readonly #options: FaultPlanOptions;
  readonly #counts = new Map<Fault, number>();
  #databaseBackAtMs = 0;
  #isOver = false;

  constructor(options: FaultPlanOptions) {
    this.#options = options;
  }

  /** How often each fault has happened. */
  get counts(): ReadonlyMap<Fault, number> {
    return this.#counts;
  }

  start(): void {
    for (const fault of FAULTS) this.#plan(fault);
  }

  /** Nothing goes wrong any more. */
  heal(): void {
    this.#isOver = true;
    this.#options.network.heal();
  }

  /** What happens to a call of the database. */
  readonly storeFault = (isCommit: boolean): StoreFault => {
    const { draw, scenario, trace } = this.#options;
    const { busyRate, lostAnswerRate, crashRate, freezeRate } = scenario;
    if (this.#isOver) return 'none';
    if (this.#options.time.nowMs < this.#databaseBackAtMs) return 'busy';
    if (draw.chance(busyRate)) return 'busy';
    if (draw.chance(lostAnswerRate)) {
      trace('fault: lost-answer of the database');
      this.#count('lost-answer');
      return 'lost-answer';
    }
    if (isCommit && draw.chance(freezeRate)) {
      trace('fault: storage-freeze around a commit');
      this.#count('storage-freeze');
      return 'freeze';
    }
    if (!draw.chance(crashRate)) return 'none';
    trace('fault: crash-around-commit');
    this.#count('crash-around-commit');
    return draw.chance(0.5) ? 'crash-before' : 'crash-after';
  };

  /** Around a commit it is not always storage that dies. */
  readonly crash = (storage: SimProcess): void => {
    const { draw } = this.#options;
    const { schedulerProcess, executionManagers } = this.#options.cluster();
    const others = executionManagers.map(({ process }) => process);
    if (schedulerProcess !== undefined) others.push(schedulerProcess);
    if (others.length > 0 && draw.chance(0.3)) draw.pick(others).kill();
    else storage.kill();
  };

  readonly storeDelayMs = (): number => {
    const { draw, scenario } = this.#options;
    return draw.between(0.05, 0.5) + (this.#isOver ? 0 : draw.between(0, scenario.databaseDelayMs));
  };

  #plan(fault: Fault): void {
    const { scenario, time, draw, trace } = this.#options;
    const everyMs = scenario.everyMs[fault];
    if (everyMs === Infinity) return;
    time.after(-Math.log(1 - draw.rng.float()) * everyMs, () => {
      if (this.#isOver) return;
      if (this.#happen(fault)) {
        trace(`fault: ${fault}`);
        this.#count(fault);
      }
      this.#plan(fault);
    });
  }

  /** Answers whether there was anything to hurt. */
  #happen(fault: Fault): boolean {
    const { draw, network } = this.#options;
    const cluster = this.#options.cluster();
    const some = cluster.executionManagers;
    const executionManager = some.length === 0 ? undefined : draw.pick(some);
    const storage = this.#storage(cluster);
    const isScheduler = cluster.schedulerProcess !== undefined && draw.chance(0.3);
    const client = isScheduler ? cluster.schedulerProcess : executionManager?.process;
    switch (fault) {
      case 'storage-kill':
        storage?.kill();
        return storage !== undefined;
      case 'storage-freeze':
        if (storage !== undefined) cluster.freeze(storage, draw.skewed(100, 15_000));
        return storage !== undefined;
      case 'storage-stop':
        if (cluster.storage !== undefined) void cluster.stop(cluster.storage);
        return cluster.storage !== undefined;
      case 'scheduler-kill':
        cluster.schedulerProcess?.kill();
        return cluster.schedulerProcess !== undefined;
      case 'em-kill':
        executionManager?.process.kill();
        return executionManager !== undefined;
      case 'em-stop':
        if (executionManager !== undefined) void cluster.stop(executionManager);
        return executionManager !== undefined;
      case 'em-drain':
        void executionManager?.ready.then(
          (id) => this.#options.drain(id),
          () => undefined,
        );
        return executionManager !== undefined;
      case 'em-freeze':
        if (executionManager !== undefined) {
          cluster.freeze(executionManager.process, draw.skewed(100, 20_000));
        }
        return executionManager !== undefined;
      case 'executor-kill':
        executionManager?.executors.killOne(draw.int(0, 1_000));
        return executionManager !== undefined;
      case 'reset':
        if (client !== undefined) network.reset(client);
        return client !== undefined;
      case 'reset-stream':
        network.resetStream(draw.int(0, 10_000));
        return true;
      case 'partition':
        if (client !== undefined) {
          const urls = [...urlsOf(this.#options.scenario), SCHEDULER_URL];
          network.partition(client, draw.pick(urls), draw.skewed(100, 20_000));
        }
        return client !== undefined;
      case 'database-away':
        this.#databaseBackAtMs = this.#options.time.nowMs + draw.skewed(100, 8_000);
        return true;
      case 'lost-call':
      case 'repeated-call':
      case 'busy-database':
      case 'lost-answer':
      case 'crash-around-commit':
      case 'slow-database':
      case 'slow-network':
      case 'clock-skew':
        // These are rates, not happenings.
        return false;
      default:
        return fault satisfies never;
    }
  }

  /** The active one, more often than not. */
  #storage(cluster: SimCluster): SimProcess | undefined {
    const { draw } = this.#options;
    const { storage, storages } = cluster;
    if (storage !== undefined && draw.chance(0.7)) return storage.process;
    return storages.length === 0 ? undefined : draw.pick(storages).process;
  }

  #count(fault: Fault): void {
    this.#counts.set(fault, (this.#counts.get(fault) ?? 0) + 1);
  }
}
