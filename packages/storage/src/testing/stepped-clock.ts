import { setImmediate as endOfTurn } from 'node:timers/promises';
import { ManualClock } from '@spider/runtime/testing';

/** Time that only a test moves, while turns of the event loop end as they do; for real sockets. */
export class SteppedClock extends ManualClock {
  override defer(callback: () => void): void {
    setImmediate(callback);
  }

  /** Moves time on, a little in each turn, until a promise has settled. */
  async advanceUntil<T>(promise: Promise<T>): Promise<T> {
    let isSettled = false;
    const settled = promise.finally(() => {
      isSettled = true;
    });
    while (!isSettled) {
      this.advance(10);
      await endOfTurn();
    }
    return await settled;
  }
}
