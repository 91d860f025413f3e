import type { Rng } from '@spider/runtime';
import { SeededRng } from '@spider/runtime';

import { ProcessClock } from './process-clock.ts';
import type { VirtualTime } from './virtual-time.ts';

/** One life of a process: from its start until it is killed or ends. A restart is another one. */
export class SimProcess {
  /** Such as `storage-1#3`: the third life of the storage at the first address. */
  readonly name: string;
  readonly clock: ProcessClock;
  readonly rng: Rng;
  readonly #onDeath: (() => void)[] = [];
  #state: 'alive' | 'frozen' | 'dead' = 'alive';

  constructor(options: {
    readonly name: string;
    readonly time: VirtualTime;
    readonly skewMs: number;
    readonly seed: number;
  }) {
    this.name = options.name;
    this.clock = new ProcessClock(options.time, options.skewMs);
    this.rng = new SeededRng(`${options.name} ${options.seed}`);
  }

  get isAlive(): boolean {
    return this.#state !== 'dead';
  }

  get isFrozen(): boolean {
    return this.#state === 'frozen';
  }

  /** Called once, as soon as it is dead; at once if it is. */
  onDeath(callback: () => void): void {
    if (this.isAlive) this.#onDeath.push(callback);
    else callback();
  }

  /** As `kill -9`: from now on it does nothing. */
  kill(): void {
    if (!this.isAlive) return;
    this.#state = 'dead';
    this.clock.kill();
    for (const callback of this.#onDeath.splice(0)) callback();
  }

  /** As SIGSTOP. */
  freeze(): void {
    if (this.#state !== 'alive') return;
    this.#state = 'frozen';
    this.clock.freeze();
  }

  /** As SIGCONT. */
  thaw(): void {
    if (this.#state !== 'frozen') return;
    this.#state = 'alive';
    this.clock.thaw();
  }
}
