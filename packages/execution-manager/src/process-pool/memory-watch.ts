import type { Clock, Timer } from '@spider/runtime';

/** A process that fills memory as fast as it can writes a few hundred MiB meanwhile. */
const LOOK_MS = 100;

export interface MemoryWatchOptions {
  readonly clock: Clock;
  readonly limitBytes: number;
  /** What it should not keep. */
  readonly grownBytes: number;
  /** What the process holds now. */
  readonly read: () => number;
  readonly onExceeded: () => void;
  /** Called once. */
  readonly onGrown: () => void;
}

/**
 * Looks now and then at how much memory a process holds while it has something to run. What
 * JavaScript keeps is limited exactly by Node; buffers and what native code allocates are not.
 */
export class MemoryWatch {
  readonly #options: MemoryWatchOptions;
  #requests = 0;
  #timer: Timer | undefined;
  #isOver = false;
  #hasGrown = false;

  constructor(options: MemoryWatchOptions) {
    this.#options = options;
  }

  /** So many requests more, or fewer, are with the process. */
  add(requests: number): void {
    this.#requests += requests;
    if (this.#requests > 0 && !this.#isOver) this.#timer ??= this.#arm();
  }

  stop(): void {
    this.#isOver = true;
    this.#timer?.cancel();
  }

  #arm(): Timer {
    const { clock, limitBytes, grownBytes, read, onExceeded, onGrown } = this.#options;
    return clock.setTimer(LOOK_MS, () => {
      this.#timer = undefined;
      if (this.#requests === 0 || this.#isOver) return;
      const bytes = read();
      if (bytes > limitBytes) {
        this.#isOver = true;
        onExceeded();
        return;
      }
      this.#timer = this.#arm();
      if (bytes <= grownBytes || this.#hasGrown) return;
      this.#hasGrown = true;
      onGrown();
    });
  }
}
