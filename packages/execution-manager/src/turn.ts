import type { Clock } from '@spider/runtime';

/** Does something once at the end of each turn of the event loop in which it was asked for. */
export class Turn {
  readonly #clock: Clock;
  readonly #action: () => void;
  #isDue = false;

  constructor(clock: Clock, action: () => void) {
    this.#clock = clock;
    this.#action = action;
  }

  schedule(): void {
    if (this.#isDue) return;
    this.#isDue = true;
    this.#clock.defer(this.#run);
  }

  readonly #run = (): void => {
    this.#isDue = false;
    this.#action();
  };
}
