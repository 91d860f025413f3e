import { failedPrecondition } from '@spider/core';
import type { ExecutionManagerId, SpiderError } from '@spider/core';
import type { Clock, Logger, Timer } from '@spider/runtime';
import type { ClusterStore } from '../db/job-store.ts';
import type { WorkerLink } from '../ports.ts';
import { ExecutionManager } from './execution-manager.ts';

export interface ExecutionManagerRegistryOptions {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly store: ClusterStore;
  /** How long an execution manager may be without a stream. */
  readonly streamGraceMs: number;
  /** How long a stream may be silent. */
  readonly silenceMs: number;
  /** What it held has to run elsewhere. */
  readonly onLost: (executionManager: ExecutionManager) => void;
}

/**
 * The execution managers that are alive. One is lost when its stream stays closed longer than the
 * grace period, or is open and silent for too long; a lost one has to register anew.
 */
export class ExecutionManagerRegistry {
  readonly #options: ExecutionManagerRegistryOptions;
  readonly #byNumber = new Map<number, ExecutionManager>();
  #awaited: { readonly resolve: () => void; readonly timer: Timer } | undefined;

  constructor(options: ExecutionManagerRegistryOptions) {
    this.#options = options;
  }

  get size(): number {
    return this.#byNumber.size;
  }

  /** Takes over those that the database knows as alive; they have the grace period to connect. */
  async load(): Promise<void> {
    for (const stored of await this.#options.store.listExecutionManagers()) {
      this.#add(new ExecutionManager(stored.id, stored.host, stored.slots));
    }
  }

  /** Resolves when all of them have a stream, or have been waited for long enough. */
  async whenConnected(timeoutMs: number): Promise<void> {
    if (this.#areAllConnected()) return;
    await new Promise<void>((resolve) => {
      const timer = this.#options.clock.setTimer(timeoutMs, resolve);
      this.#awaited = { resolve, timer };
    });
    this.#awaited?.timer.cancel();
    this.#awaited = undefined;
  }

  /** Enters a new one; it has the grace period to connect. */
  async register(host: string, slots: number): Promise<ExecutionManagerId> {
    const { clock, logger, store } = this.#options;
    const id = await store.registerExecutionManager(host, slots, clock.now());
    this.#add(new ExecutionManager(id, host, slots));
    logger.info('an execution manager is registered', { executionManagerId: id, host, slots });
    return id;
  }

  /** It says goodbye. Does nothing if it is not known. */
  async deregister(id: ExecutionManagerId): Promise<void> {
    const executionManager = this.#byNumber.get(Number(id));
    if (executionManager === undefined) return;
    await this.#remove(executionManager, 'has left', undefined);
  }

  /**
   * Ties an execution manager to its new stream; an older one is closed.
   *
   * @throws SpiderError 'failed-precondition' if it is not alive and has to register.
   */
  attach(id: ExecutionManagerId, link: WorkerLink): ExecutionManager {
    const executionManager = this.#byNumber.get(Number(id));
    if (executionManager === undefined) {
      throw failedPrecondition(`execution manager ${id} is unknown or lost: register again`);
    }
    const earlier = executionManager.link;
    executionManager.link = link;
    executionManager.heard(this.#options.clock.monotonicUs());
    this.#watchSilence(executionManager, this.#options.silenceMs);
    earlier?.close(failedPrecondition(`execution manager ${id} has opened another stream`));
    if (this.#awaited !== undefined && this.#areAllConnected()) this.#awaited.resolve();
    return executionManager;
  }

  /** A stream has closed. Does nothing unless it is the execution manager's current one. */
  detach(executionManager: ExecutionManager, link: WorkerLink): void {
    if (executionManager.link !== link) return;
    executionManager.link = undefined;
    if (this.#byNumber.has(executionManager.number)) this.#watchGrace(executionManager);
  }

  /** The stream of an execution manager, if it has one. */
  link(number: number): WorkerLink | undefined {
    return this.#byNumber.get(number)?.link;
  }

  isAlive(executionManager: ExecutionManager): boolean {
    return this.#byNumber.get(executionManager.number) === executionManager;
  }

  /** Ends all streams and all deadlines; nobody is lost by that. */
  close(reason?: SpiderError): void {
    for (const executionManager of this.#byNumber.values()) {
      executionManager.timer?.cancel();
      const { link } = executionManager;
      executionManager.link = undefined;
      link?.close(reason);
    }
    this.#byNumber.clear();
    this.#awaited?.resolve();
  }

  #areAllConnected(): boolean {
    for (const { link } of this.#byNumber.values()) if (link === undefined) return false;
    return true;
  }

  #add(executionManager: ExecutionManager): void {
    this.#byNumber.set(executionManager.number, executionManager);
    this.#watchGrace(executionManager);
  }

  #watchGrace(executionManager: ExecutionManager): void {
    this.#setTimer(executionManager, this.#options.streamGraceMs, () =>
      this.#lose(executionManager, 'its stream stayed closed'),
    );
  }

  #watchSilence(executionManager: ExecutionManager, delayMs: number): void {
    this.#setTimer(executionManager, delayMs, () => {
      const { clock, silenceMs } = this.#options;
      const silentMs = (clock.monotonicUs() - executionManager.lastHeardUs) / 1000;
      if (silentMs < silenceMs) this.#watchSilence(executionManager, silenceMs - silentMs);
      else this.#lose(executionManager, 'it was silent');
    });
  }

  #setTimer(executionManager: ExecutionManager, delayMs: number, callback: () => void): void {
    executionManager.timer?.cancel();
    executionManager.timer = this.#options.clock.setTimer(delayMs, callback);
  }

  #lose(executionManager: ExecutionManager, reason: string): void {
    const { id } = executionManager;
    const error = failedPrecondition(`execution manager ${id} is lost: ${reason}`);
    this.#remove(executionManager, `is lost: ${reason}`, error).catch((failure: unknown) => {
      // It stays alive in the database, and will be found silent after the next start.
      this.#options.logger.error('an execution manager could not be marked as lost', {
        executionManagerId: id,
        error: failure,
      });
    });
  }

  async #remove(
    executionManager: ExecutionManager,
    what: string,
    error: SpiderError | undefined,
  ): Promise<void> {
    const { clock, logger, store } = this.#options;
    const { id, link } = executionManager;
    this.#byNumber.delete(executionManager.number);
    executionManager.timer?.cancel();
    executionManager.link = undefined;
    link?.close(error);
    logger.info(`an execution manager ${what}`, { executionManagerId: id });
    this.#options.onLost(executionManager);
    await store.endExecutionManager(id, clock.now());
  }
}
