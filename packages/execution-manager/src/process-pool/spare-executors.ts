import type { Clock } from '@spider/runtime';
import type { ExecutorCallbacks, ExecutorProcess, SpawnExecutor } from './executor-process.ts';

export interface SpareExecutorsOptions {
  readonly spawn: SpawnExecutor;
  /** How many wait, beyond those that run tasks. */
  readonly count: number;
  readonly clock: Clock;
}

/** A process that is up or comes up, for whoever needs one next. */
interface Spare {
  readonly process: ExecutorProcess;
  /** Whether it is up, and if so whether it has extensions. */
  hasExtensions: boolean | undefined;
  owner: ExecutorCallbacks | undefined;
  isGone: boolean;
}

/**
 * Keeps executors ready that nobody uses yet, so that a slot whose process is gone has another one at
 * once. None is started before one that somebody uses has come up, nor when one has failed to.
 */
export class SpareExecutors implements Disposable {
  readonly #options: SpareExecutorsOptions;
  readonly #spares = new Set<Spare>();
  #isClosed = false;

  constructor(options: SpareExecutorsOptions) {
    this.#options = options;
  }

  /** Hands out one that is up, or else starts one. */
  readonly spawn: SpawnExecutor = (callbacks) => {
    for (const spare of this.#spares) {
      if (spare.hasExtensions === undefined) continue;
      this.#spares.delete(spare);
      this.#handOver(spare, callbacks);
      this.#refill();
      return spare.process;
    }
    return this.#options.spawn({
      ...callbacks,
      onStarted: (hasExtensions) => {
        callbacks.onStarted(hasExtensions);
        this.#refill();
      },
    });
  };

  /** Ends those that wait. */
  [Symbol.dispose](): void {
    this.#isClosed = true;
    for (const { process } of this.#spares) process.kill();
  }

  #handOver(spare: Spare, callbacks: ExecutorCallbacks): void {
    spare.owner = callbacks;
    this.#options.clock.defer(() => {
      if (!spare.isGone) callbacks.onStarted(spare.hasExtensions === true);
    });
  }

  #refill(): void {
    while (!this.#isClosed && this.#spares.size < this.#options.count) this.#start();
  }

  #start(): void {
    const spare: Spare = {
      process: this.#options.spawn({
        onStarted: (hasExtensions) => (spare.hasExtensions = hasExtensions),
        onResponses: (responses) => spare.owner?.onResponses(responses),
        onGivenBack: (count) => spare.owner?.onGivenBack(count),
        onGrown: () => spare.owner?.onGrown(),
        onBroken: (reason) => this.#broken(spare, reason),
        onExit: (exit) => {
          spare.isGone = true;
          this.#spares.delete(spare);
          spare.owner?.onExit(exit);
        },
      }),
      hasExtensions: undefined,
      owner: undefined,
      isGone: false,
    };
    this.#spares.add(spare);
  }

  #broken(spare: Spare, reason: string): void {
    if (spare.owner !== undefined) spare.owner.onBroken(reason);
    else spare.process.kill();
  }
}
