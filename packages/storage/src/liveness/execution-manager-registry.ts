import { failedPrecondition, invalidArgument, notFound, SpiderError } from '@spider/core';
import type { ExecutionManagerId } from '@spider/core';
import type { Clock, Logger } from '@spider/runtime';
import type { ClusterStore, NewExecutionManager } from '../db/job-store.ts';
import type { WorkerLink } from '../ports.ts';
import { ExecutionManager } from './execution-manager.ts';

export interface ExecutionManagerRegistryOptions {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly store: ClusterStore;
  /** How long an execution manager may be without a stream. */
  readonly streamGraceMs: number;
  /** How long a stream may be silent before it is closed. */
  readonly silenceMs: number;
  /** How long one without streams may be without a heartbeat. */
  readonly heartbeatCutoffMs: number;
  /** Whether this storage answers; nobody is lost while it does not. By default it does. */
  readonly isSure?: (() => boolean) | undefined;
  /** How many there may be. */
  readonly executionManagersMax: number;
  /** What it held has to run elsewhere. */
  readonly onLost: (executionManager: ExecutionManager) => void;
}

/** A timer that fires so much later than it was to: this process stood still. */
const STOOD_STILL_MS = 500;

/**
 * The execution managers that are alive. One is lost when its stream stays closed longer than the
 * grace period, in which it could have come back; a silent stream is closed. One of the reference,
 * which has no stream, is lost when there was no heartbeat for too long. A lost one has to register
 * anew.
 */
export class ExecutionManagerRegistry {
  readonly #options: ExecutionManagerRegistryOptions;
  readonly #byNumber = new Map<number, ExecutionManager>();
  #awaited: PromiseWithResolvers<void> | undefined;
  /** Whether they can connect. */
  #isOpen = false;

  constructor(options: ExecutionManagerRegistryOptions) {
    this.#options = options;
  }

  get size(): number {
    return this.#byNumber.size;
  }

  /** Takes over those that the database knows as alive. */
  async load(): Promise<void> {
    for (const stored of await this.#options.store.listExecutionManagers()) {
      this.#add(new ExecutionManager(stored));
    }
  }

  /**
   * From now on they can connect. Resolves when all that were alive before have a stream, or were lost
   * because they had none within the grace period.
   */
  async open(): Promise<void> {
    this.#isOpen = true;
    this.giveTime();
    if (this.#areAllConnected()) return;
    this.#awaited = Promise.withResolvers();
    await this.#awaited.promise;
  }

  /** All that are not connected have the whole grace period once more: nobody was answered before. */
  giveTime(): void {
    for (const executionManager of this.#byNumber.values()) {
      if (executionManager.link === undefined) this.#watchGrace(executionManager);
    }
  }

  /**
   * Enters a new one; it has the grace period to connect, or the cutoff for its first heartbeat.
   *
   * @throws SpiderError 'resource-exhausted' if there are too many.
   */
  async register(executionManager: NewExecutionManager): Promise<ExecutionManagerId> {
    const { clock, logger, store, executionManagersMax } = this.#options;
    if (this.size >= executionManagersMax) {
      const rule = 'and runtime.limits.execution_managers allows no more';
      throw new SpiderError(
        'resource-exhausted',
        `${this.size} execution managers are registered, ${rule}`,
      );
    }
    const registeredAt = clock.now();
    const id = await store.registerExecutionManager(executionManager, registeredAt);
    this.#add(
      new ExecutionManager({ ...executionManager, id, registeredAt, drainRequestedAt: undefined }),
    );
    logger.info('an execution manager is registered', {
      executionManagerId: id,
      ...executionManager,
    });
    return id;
  }

  /**
   * A sign of life outside of a stream.
   *
   * @throws SpiderError 'failed-precondition' if it is not alive and has to register,
   * 'invalid-argument' if there never was one of this id.
   */
  async heartbeat(id: ExecutionManagerId): Promise<void> {
    const executionManager = this.find(id);
    if (executionManager !== undefined) {
      executionManager.heard(this.#options.clock.monotonicUs());
      return;
    }
    if ((await this.#options.store.findExecutionManager(id)) === undefined) {
      throw invalidArgument(`execution_manager_id: ${id} was never issued`);
    }
    throw failedPrecondition(`execution manager ${id} is lost: register again`);
  }

  /** Those that are alive. */
  all(): IterableIterator<ExecutionManager> {
    return this.#byNumber.values();
  }

  find(id: ExecutionManagerId): ExecutionManager | undefined {
    return this.#byNumber.get(Number(id));
  }

  /** It says goodbye. Does nothing if it is not known. */
  async deregister(id: ExecutionManagerId): Promise<void> {
    const executionManager = this.find(id);
    if (executionManager === undefined) return;
    await this.#remove(executionManager, 'it has left', undefined);
  }

  /**
   * Has one take nothing more, finish, and end. Does nothing if it is to do so already, or has ended.
   * Answers whether it is alive.
   *
   * @throws SpiderError 'not-found' if there never was one of this id, 'failed-precondition' if it is
   * one of the reference, which cannot be told.
   */
  async drain(id: ExecutionManagerId): Promise<boolean> {
    const { clock, logger, store } = this.#options;
    const executionManager = this.find(id);
    if (executionManager === undefined) {
      if ((await store.findExecutionManager(id)) !== undefined) return false;
      throw notFound(`execution manager ${id} does not exist`);
    }
    if (executionManager.unary !== undefined) {
      throw failedPrecondition(
        `execution manager ${id} has no stream on which to tell it: end its process instead`,
      );
    }
    if (executionManager.drainRequestedAt === undefined) {
      const at = clock.now();
      await store.requestDrain(id, at);
      executionManager.drainRequestedAt ??= at;
      logger.info('an execution manager is asked to drain', { executionManagerId: id });
      executionManager.link?.drain();
    }
    return this.isAlive(executionManager);
  }

  /**
   * Ties an execution manager to its new stream; an older one is closed.
   *
   * @throws SpiderError 'failed-precondition' if it is not alive and has to register.
   */
  attach(id: ExecutionManagerId, link: WorkerLink): ExecutionManager {
    const executionManager = this.find(id);
    if (executionManager === undefined) {
      throw failedPrecondition(`execution manager ${id} is unknown or lost: register again`);
    }
    if (executionManager.unary !== undefined) {
      throw failedPrecondition(`execution manager ${id} has no streams: register again for one`);
    }
    const earlier = executionManager.link;
    executionManager.link = link;
    executionManager.heard(this.#options.clock.monotonicUs());
    this.#watchSilence(executionManager, this.#silenceMs(executionManager));
    earlier?.close(failedPrecondition(`execution manager ${id} has opened another stream`));
    this.#lookWhoIsThere();
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

  /** Ends all streams; whoever lives opens another one. */
  closeStreams(reason: SpiderError): void {
    for (const { link, unary } of this.#byNumber.values()) {
      if (unary === undefined) link?.close(reason);
    }
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
    this.#lookWhoIsThere();
  }

  #lookWhoIsThere(): void {
    if (this.#awaited === undefined || !this.#areAllConnected()) return;
    this.#awaited.resolve();
    this.#awaited = undefined;
  }

  #areAllConnected(): boolean {
    for (const { link } of this.#byNumber.values()) if (link === undefined) return false;
    return true;
  }

  #add(executionManager: ExecutionManager): void {
    this.#byNumber.set(executionManager.number, executionManager);
    if (executionManager.unary === undefined) return this.#watchGrace(executionManager);
    executionManager.heard(this.#options.clock.monotonicUs());
    this.#watchSilence(executionManager, this.#silenceMs(executionManager));
  }

  #watchGrace(executionManager: ExecutionManager): void {
    if (!this.#isOpen) return;
    const { streamGraceMs, isSure } = this.#options;
    this.#setTimer(executionManager, streamGraceMs, (lateMs) => {
      // It could not have come back all the time.
      if (lateMs >= STOOD_STILL_MS || isSure?.() === false) this.#watchGrace(executionManager);
      else this.#lose(executionManager, 'its stream stayed closed');
    });
  }

  #watchSilence(executionManager: ExecutionManager, delayMs: number): void {
    this.#setTimer(executionManager, delayMs, (lateMs) => {
      const silenceMs = this.#silenceMs(executionManager);
      const { lastHeardUs = 0 } = executionManager;
      const silentMs = (this.#options.clock.monotonicUs() - lastHeardUs) / 1000;
      // What it has said may wait to be heard. That its machine is gone shows on its connection.
      if (executionManager.link?.isHearing === false) {
        this.#watchSilence(executionManager, silenceMs);
      } else if (silentMs < silenceMs) this.#watchSilence(executionManager, silenceMs - silentMs);
      else this.#wasSilent(executionManager, silenceMs, lateMs);
    });
  }

  #wasSilent(executionManager: ExecutionManager, silenceMs: number, lateMs: number): void {
    const { id, unary, link } = executionManager;
    if (unary === undefined) {
      // Whoever lives comes back within the grace period; the silence may be this process's own.
      const reason = `execution manager ${id} said nothing for ${silenceMs} ms`;
      link?.close(new SpiderError('unavailable', reason));
    } else if (lateMs >= STOOD_STILL_MS || this.#options.isSure?.() === false) {
      this.#watchSilence(executionManager, silenceMs);
    } else {
      this.#lose(executionManager, 'it was silent');
    }
  }

  #silenceMs({ unary }: ExecutionManager): number {
    return unary === undefined ? this.#options.silenceMs : this.#options.heartbeatCutoffMs;
  }

  /** Tells the callback how much later than it was to it is called. */
  #setTimer(
    executionManager: ExecutionManager,
    delayMs: number,
    callback: (lateMs: number) => void,
  ): void {
    const { clock } = this.#options;
    const dueUs = clock.monotonicUs() + delayMs * 1000;
    executionManager.timer?.cancel();
    executionManager.timer = clock.setTimer(delayMs, () =>
      callback((clock.monotonicUs() - dueUs) / 1000),
    );
  }

  #lose(executionManager: ExecutionManager, reason: string): void {
    const { id } = executionManager;
    const error = failedPrecondition(`execution manager ${id} is lost: ${reason}`);
    this.#remove(executionManager, reason, error).catch((failure: unknown) => {
      // It stays alive in the database, and will be found silent after the next start.
      this.#options.logger.warn('an execution manager could not be marked as lost', {
        executionManagerId: id,
        error: failure,
      });
    });
  }

  async #remove(
    executionManager: ExecutionManager,
    reason: string,
    error: SpiderError | undefined,
  ): Promise<void> {
    const { clock, logger, store } = this.#options;
    const { id, link } = executionManager;
    this.#byNumber.delete(executionManager.number);
    executionManager.timer?.cancel();
    executionManager.link = undefined;
    link?.close(error);
    const event = error === undefined ? 'has left' : `is lost: ${reason}`;
    logger.info(`an execution manager ${event}`, { executionManagerId: id });
    this.#options.onLost(executionManager);
    this.#lookWhoIsThere();
    await store.endExecutionManager(id, clock.now(), reason);
  }
}
