import { type ClusterProcess, childProcessIds, type LocalCluster } from '@spider/local-cluster';
import { type Rng, SeededRng } from '@spider/runtime';
import type { ChaosDatabase, FlushedState } from './database.ts';
import { monotonicMs } from './execution-record.ts';
import type { Kind } from './options.ts';

/** A process that was killed, or was stopped for a while, in milliseconds of the monotonic clock. */
export interface Disturbance {
  readonly kind: Kind | 'em-stop';
  readonly pid: number;
  readonly atMs: number;
  /** When it went on; Infinity for one that was killed. */
  untilMs: number;
}

export interface Trouble {
  readonly disturbances: readonly Disturbance[];
  /** One for each time storage was dead. */
  readonly flushed: readonly FlushedState[];
}

export interface TroubleOptions {
  readonly seed: number;
  readonly kinds: readonly Kind[];
  /** How many of each kind are to be killed; undefined: as many as fit into the time. */
  readonly kills: ReadonlyMap<Kind, number> | undefined;
  readonly cluster: LocalCluster;
  readonly database: ChaosDatabase;
  /** How long an execution manager may be silent. */
  readonly graceMs: number;
  readonly end: AbortSignal;
  readonly log: (line: string) => void;
}

/** Between two strikes, and until what was killed is started again, in milliseconds. */
const USUAL = { pauseMs: [200, 2_500], outageMs: [0, 1_500], stopShare: 0.25 } as const;
/** The same where there is a number of kills to be reached. */
const QUICK = { pauseMs: [20, 200], outageMs: [0, 200], stopShare: 0.05 } as const;

/** Kills and stops processes until the end. Everything runs again when it resolves. */
export async function makeTrouble(options: TroubleOptions): Promise<Trouble> {
  const maker = new TroubleMaker(options);
  await maker.run();
  return maker;
}

class TroubleMaker implements Trouble {
  readonly disturbances: Disturbance[] = [];
  readonly flushed: FlushedState[] = [];
  readonly #options: TroubleOptions;
  readonly #rng: Rng;

  constructor(options: TroubleOptions) {
    this.#options = options;
    this.#rng = new SeededRng(`${options.seed}/trouble`);
  }

  async run(): Promise<void> {
    const { end } = this.#options;
    while (!end.aborted) {
      await sleep(this.#between(this.#pace.pauseMs[0], this.#pace.pauseMs[1]), end);
      const kind = this.#draw();
      if (end.aborted || kind === undefined) return;
      await this.#strike(kind);
    }
  }

  get #pace(): typeof USUAL | typeof QUICK {
    return this.#options.kills === undefined ? USUAL : QUICK;
  }

  /** Undefined when as many as wanted were killed. */
  #draw(): Kind | undefined {
    const { kills } = this.#options;
    const kinds = this.#options.kinds.filter((kind) => this.#isThere(kind));
    const weights = kinds.map((kind) => (kills === undefined ? 1 : this.#left(kind, kills)));
    let at = this.#rng.float() * weights.reduce((sum, weight) => sum + weight, 0);
    return kinds.find((_, i) => (at -= weights[i] ?? 0) < 0);
  }

  #left(kind: Kind, kills: ReadonlyMap<Kind, number>): number {
    const done = this.disturbances.filter((one) => one.kind === kind).length;
    return Math.max(0, (kills.get(kind) ?? 0) - done);
  }

  #isThere(kind: Kind): boolean {
    const { cluster, database } = this.#options;
    if (kind === 'scheduler') return cluster.processes.scheduler !== undefined;
    return kind !== 'database' || database.server !== undefined;
  }

  async #strike(kind: Kind): Promise<void> {
    const { storage, scheduler } = this.#options.cluster.processes;
    switch (kind) {
      case 'storage':
        return await this.#killStorage(storage);
      case 'scheduler':
        return scheduler && (await this.#killAndRestart('scheduler', scheduler));
      case 'em':
        if (this.#rng.float() < this.#pace.stopShare) return await this.#stopManager();
        return await this.#killAndRestart('em', this.#anyManager());
      case 'executor':
        return await this.#killExecutor();
      case 'database':
        return await this.#killDatabase();
      default:
        kind satisfies never;
    }
  }

  /** At times with all execution managers, if these are to be killed too. */
  async #killStorage(storage: ClusterProcess): Promise<void> {
    const { cluster, database, kinds, log } = this.#options;
    const managers =
      kinds.includes('em') && this.#rng.float() < 0.25 ? cluster.processes.executionManagers : [];
    const outageMs = this.#between(0, 1_500);
    this.#kill('storage', storage);
    for (const manager of managers) this.#kill('em', manager);
    await storage.exited;
    const flushed = await database.readFlushed();
    this.flushed.push(flushed);
    log(`the journal was read: ${flushed.succeeded.size} jobs, block ${flushed.block}`);
    await sleep(outageMs);
    await storage.restart();
    await Promise.all(managers.map((manager) => manager.restart()));
    log(`storage runs again: ${storage.pid}`);
  }

  async #killAndRestart(kind: Kind, victim: ClusterProcess): Promise<void> {
    const outageMs = this.#between(this.#pace.outageMs[0], this.#pace.outageMs[1]);
    this.#kill(kind, victim);
    await victim.exited;
    await sleep(outageMs);
    await victim.restart();
    this.#options.log(`${victim.name} runs again: ${victim.pid}`);
  }

  async #stopManager(): Promise<void> {
    const { graceMs, log } = this.#options;
    const manager = this.#anyManager();
    const { pid } = manager;
    const stopMs = this.#between(0.3, 2) * graceMs;
    const stop: Disturbance = { kind: 'em-stop', pid, atMs: monotonicMs(), untilMs: Infinity };
    this.disturbances.push(stop);
    log(`SIGSTOP of ${manager.name} (${pid}) for ${Math.round(stopMs)} ms`);
    manager.kill('SIGSTOP');
    await sleep(stopMs);
    manager.kill('SIGCONT');
    stop.untilMs = monotonicMs();
  }

  async #killExecutor(): Promise<void> {
    const manager = this.#anyManager();
    const pids = await childProcessIds(manager.pid);
    const pid = pids[Math.floor(this.#rng.float() * pids.length)];
    if (pid === undefined) return;
    this.#note('executor', pid);
    try {
      process.kill(pid, 'SIGKILL');
    } catch {
      // It has ended by itself.
    }
  }

  async #killDatabase(): Promise<void> {
    const { database, log } = this.#options;
    const outageMs = this.#between(0, 3_000);
    this.#note('database', 0);
    await database.server?.kill();
    await sleep(outageMs);
    await database.server?.restart();
    log('the database runs again');
  }

  #kill(kind: Kind, victim: ClusterProcess): void {
    this.#note(kind, victim.pid);
    victim.kill('SIGKILL');
  }

  #note(kind: Kind, pid: number): void {
    this.disturbances.push({ kind, pid, atMs: monotonicMs(), untilMs: Infinity });
    this.#options.log(`kill -9 of ${kind} ${pid || ''}`);
  }

  #anyManager(): ClusterProcess {
    const managers = this.#options.cluster.processes.executionManagers;
    return managers[Math.floor(this.#rng.float() * managers.length)] as ClusterProcess;
  }

  #between(low: number, high: number): number {
    return low + this.#rng.float() * (high - low);
  }
}

/** Ends early when the signal is aborted. */
const sleep = (ms: number, signal?: AbortSignal): Promise<void> =>
  new Promise((resolve) => {
    const onAbort = (): void => {
      clearTimeout(timer);
      resolve();
    };
    const timer = setTimeout(() => {
      signal?.removeEventListener('abort', onAbort);
      resolve();
    }, ms);
    signal?.addEventListener('abort', onAbort, { once: true });
  });
