import type { Steps } from '@spider/core';
import type { Clock } from '@spider/runtime';
import { Turns } from './turns.ts';

/** How long work may hold all else up at a time. */
const TURN_US = 8_000;

/**
 * Does work that may take long without holding all else up: a few milliseconds in each turn of the event
 * loop, one piece of work after another. What is done in the first turn waits for nobody.
 */
export class LongWork {
  readonly #clock: Clock;
  readonly #turns = new Turns<'work'>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  async run<T>(steps: Steps<T>): Promise<T> {
    const first = this.#advance(steps);
    if (first.done === true) return first.value;
    return await this.#turns.take('work', async () => {
      for (;;) {
        await this.#nextTurn();
        const result = this.#advance(steps);
        if (result.done === true) return result.value;
      }
    });
  }

  #advance<T>(steps: Steps<T>): IteratorResult<undefined, T> {
    const startUs = this.#clock.monotonicUs();
    for (;;) {
      const result = steps.next();
      if (result.done === true || this.#clock.monotonicUs() - startUs >= TURN_US) return result;
    }
  }

  #nextTurn(): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#clock.defer(resolve);
    return promise;
  }
}
