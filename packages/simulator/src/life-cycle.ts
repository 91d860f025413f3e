import type { Rng } from '@spider/runtime';

import { SimProcess } from './sim-process.ts';
import type { VirtualTime } from './virtual-time.ts';

/** Makes the processes of a world, life after life. */
export class LifeCycle {
  readonly #time: VirtualTime;
  readonly #rng: Rng;
  readonly #skewMs: number;
  readonly #seed: number;
  readonly #lives = new Map<string, number>();
  readonly #skews = new Map<string, number>();
  readonly #living = new Set<SimProcess>();

  constructor(options: {
    readonly time: VirtualTime;
    readonly rng: Rng;
    readonly skewMs: number;
    readonly seed: number;
  }) {
    this.#time = options.time;
    this.#rng = options.rng;
    this.#skewMs = options.skewMs;
    this.#seed = options.seed;
  }

  /** All that live, the oldest first. */
  get living(): readonly SimProcess[] {
    return [...this.#living];
  }

  /** Starts a process on a machine, whose clock keeps its error. */
  start(machine: string): SimProcess {
    const life = (this.#lives.get(machine) ?? 0) + 1;
    this.#lives.set(machine, life);
    const process = new SimProcess({
      name: `${machine}#${life}`,
      time: this.#time,
      skewMs: this.#skewOf(machine),
      seed: this.#seed,
    });
    this.#living.add(process);
    process.onDeath(() => this.#living.delete(process));
    return process;
  }

  #skewOf(machine: string): number {
    const skewMs = this.#skews.get(machine) ?? (this.#rng.float() * 2 - 1) * this.#skewMs;
    this.#skews.set(machine, skewMs);
    return skewMs;
  }
}
