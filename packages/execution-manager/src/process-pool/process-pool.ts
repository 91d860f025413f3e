import { TaskOutcome } from '@spider/core';
import type { Clock, Logger, Timer } from '@spider/runtime';
import type { InstanceList, InstanceLot } from '../machine/instance-lot.ts';
import type { SlotMachineOptions } from '../machine/machine-state.ts';
import {
  describeExit,
  type ProcessExit,
  type ResponseBatch,
  type SlotEffect,
  type SlotEvent,
} from '../machine/slot-event.ts';
import { SlotMachine } from '../machine/slot-machine.ts';
import type { ExecutorCallbacks, ExecutorProcess, SpawnExecutor } from './executor-process.ts';

/** How long executors may take to end by themselves when the pool is closed. */
const CLOSE_GRACE_MS = 500;

/** Where what became of instances goes. */
export interface OutcomeSink {
  answered(
    responses: ResponseBatch,
    lots: readonly (InstanceLot | undefined)[],
    positions: readonly number[],
  ): void;
  failed(
    lot: InstanceLot,
    position: number,
    outcome: typeof TaskOutcome.Failed,
    message: string,
    elapsedUs: number,
  ): void;
  released(instances: InstanceList): void;
}

/** Where work is asked for. */
export interface WorkSource {
  grant(credit: number): void;
  withdraw(): void;
}

export interface ProcessPoolOptions extends SlotMachineOptions {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly spawn: SpawnExecutor;
  readonly outcomes: OutcomeSink;
  readonly source: WorkSource;
}

type WithoutTime<T> = T extends unknown ? Omit<T, 'nowUs'> : never;
/** What happened, but for the time, which the pool adds. */
export type PoolEvent = WithoutTime<SlotEvent>;

interface Executor {
  readonly process: number;
  readonly handle: ExecutorProcess;
}

/** Owns the executors: tells the slot machine what happens, and does what it wants done. */
export class ProcessPool implements AsyncDisposable {
  readonly #options: ProcessPoolOptions;
  readonly #machine: SlotMachine;
  readonly #executors: (Executor | undefined)[];
  /** What happened while effects were being carried out. */
  readonly #pending: PoolEvent[] = [];
  readonly #started = Promise.withResolvers<void>();
  readonly #drained = Promise.withResolvers<void>();
  readonly #emptied = Promise.withResolvers<void>();
  #isHandling = false;
  #isClosed = false;
  #timer: Timer | undefined;
  #timerUs = Infinity;

  constructor(options: ProcessPoolOptions) {
    this.#options = options;
    this.#machine = new SlotMachine(options);
    this.#executors = Array.from({ length: options.slots });
    // Whoever starts the pool awaits it, but need not.
    this.#started.promise.catch(() => undefined);
  }

  /**
   * Starts all executors. Resolves when every one of them is up.
   *
   * @throws Error if one ends before it has answered; the others, and it, are still tried.
   */
  async start(): Promise<void> {
    this.handle({ type: 'start' });
    await this.#started.promise;
  }

  /** Finishes what runs and takes nothing more. Resolves when nothing is held. */
  async drain(): Promise<void> {
    this.handle({ type: 'drain' });
    await this.#drained.promise;
  }

  /** Tells the machine of something, and does what follows from it before this returns. */
  handle(event: PoolEvent): void {
    if (this.#isClosed) return;
    this.#pending.push(event);
    if (this.#isHandling) return;
    this.#isHandling = true;
    try {
      for (let next = this.#pending.shift(); next !== undefined; next = this.#pending.shift()) {
        const nowUs = this.#options.clock.monotonicUs();
        for (const effect of this.#machine.handle({ ...next, nowUs })) this.#run(effect);
      }
    } finally {
      this.#isHandling = false;
    }
    this.#armTimer();
  }

  /** Instances that wait for a slot. */
  get queued(): number {
    return this.#machine.state.queue.count;
  }

  /** How many tasks run, and how many wait: for a slot, in a pipe, or for their lease. */
  count(): { readonly running: number; readonly waiting: number } {
    const { slots, queue, inFlight, leasing } = this.#machine.state;
    let running = 0;
    for (const slot of slots) if (slot.pipe.count > 0) running += 1;
    return { running, waiting: queue.count + leasing + inFlight - running };
  }

  /** All instances that are held and wanted, for telling storage. */
  held(): InstanceList {
    return this.#machine.held();
  }

  /** Ends all executors; resolves when they are gone. What they run is lost. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (!this.#isClosed) this.#close();
    await this.#emptied.promise;
  }

  #close(): void {
    this.#isClosed = true;
    this.#timer?.cancel();
    const { slots } = this.#machine.state;
    for (const [index, executor] of this.#executors.entries()) {
      if (slots[index]?.pipe.count === 0) executor?.handle.close();
      else executor?.handle.kill();
    }
    const grace = this.#options.clock.setTimer(CLOSE_GRACE_MS, () => {
      for (const executor of this.#executors) executor?.handle.kill();
    });
    void this.#emptied.promise.then(() => grace.cancel());
    this.#checkEmptied();
  }

  #run(effect: SlotEffect): void {
    const { outcomes, source } = this.#options;
    switch (effect.type) {
      case 'spawn':
        this.#spawn(effect.slot, effect.process);
        return;
      case 'kill':
        this.#executorOf(effect)?.kill();
        return;
      case 'retire':
        this.#executorOf(effect)?.close();
        return;
      case 'execute':
        this.#executorOf(effect)?.execute(effect.instances);
        return;
      case 'cancel-requests':
        this.#executorOf(effect)?.cancel(effect.requests);
        return;
      case 'ask-back':
        this.#executorOf(effect)?.askBack();
        return;
      case 'report':
        outcomes.answered(effect.responses, effect.lots, effect.positions);
        return;
      case 'report-failure': {
        const { lot, position, message, elapsedUs } = effect;
        outcomes.failed(lot, position, TaskOutcome.Failed, message, elapsedUs);
        return;
      }
      case 'release':
        outcomes.released(effect.instances);
        return;
      case 'grant':
        source.grant(effect.credit);
        return;
      case 'withdraw-credit':
        source.withdraw();
        return;
      case 'start-failed':
        this.#startFailed(effect.exit, effect.retryInUs);
        return;
      case 'crashed':
        this.#options.logger.warn('an executor ended unasked', { how: describeExit(effect.exit) });
        return;
      case 'drained':
        this.#drained.resolve();
        return;
      default:
        effect satisfies never;
    }
  }

  #spawn(slot: number, process: number): void {
    const from = { slot, process };
    const callbacks: ExecutorCallbacks = {
      onStarted: (hasExtensions) => {
        this.handle({ type: 'executor-started', hasExtensions, ...from });
        if (this.#machine.state.slots.every(({ state }) => state === 'ready')) {
          this.#started.resolve();
        }
      },
      onResponses: (responses) => this.handle({ type: 'responses', responses, ...from }),
      onGrown: () => this.handle({ type: 'executor-grown', ...from }),
      onGivenBack: (count) => this.handle({ type: 'given-back', count, ...from }),
      onBroken: (reason) => this.handle({ type: 'executor-broken', reason, ...from }),
      onExit: (exit) => {
        if (this.#executors[slot]?.process === process) this.#executors[slot] = undefined;
        if (this.#isClosed) this.#checkEmptied();
        else this.handle({ type: 'executor-exited', exit, ...from });
      },
    };
    this.#executors[slot] = { process, handle: this.#options.spawn(callbacks) };
  }

  #executorOf(effect: {
    readonly slot: number;
    readonly process: number;
  }): ExecutorProcess | undefined {
    const executor = this.#executors[effect.slot];
    return executor?.process === effect.process ? executor.handle : undefined;
  }

  #startFailed(exit: ProcessExit, retryInUs: number): void {
    const how = describeExit(exit);
    this.#started.reject(new Error(`an executor did not come up: ${how}`));
    this.#options.logger.error('an executor did not come up', { how, retryInMs: retryInUs / 1000 });
  }

  #checkEmptied(): void {
    if (this.#executors.every((executor) => executor === undefined)) this.#emptied.resolve();
  }

  /**
   * Sets the one timer, unless it comes early enough anyway. When it fires, what executors have
   * answered by then is read first: after a long pause it may be late, not they.
   */
  #armTimer(): void {
    const { wakeUpAtUs } = this.#machine;
    if (wakeUpAtUs >= this.#timerUs || this.#isClosed) return;
    const { clock } = this.#options;
    this.#timer?.cancel();
    this.#timerUs = wakeUpAtUs;
    const delayMs = Math.max(0, Math.ceil((wakeUpAtUs - clock.monotonicUs()) / 1000));
    this.#timer = clock.setTimer(delayMs, () => {
      this.#timerUs = Infinity;
      clock.defer(() => this.handle({ type: 'wake-up' }));
    });
  }
}
