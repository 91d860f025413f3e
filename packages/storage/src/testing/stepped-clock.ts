import { systemClock } from '@spider/runtime/node';
import { ManualClock } from '@spider/runtime/testing';

/** Time that only a test moves, while turns of the event loop end as they do; for real sockets. */
export class SteppedClock extends ManualClock {
  override defer(callback: () => void): void {
    systemClock.defer(callback);
  }

  /** Moves time on, a little in each turn, until a promise has settled. */
  async advanceUntil<T>(promise: Promise<T>): Promise<T> {
    const state = { isSettled: false };
    const settled = promise.finally(() => {
      state.isSettled = true;
    });
    // It is awaited later, which is no reason to call a rejection unhandled.
    settled.catch(() => undefined);
    while (!state.isSettled) {
      this.advance(10);
      const turn = Promise.withResolvers<void>();
      this.defer(turn.resolve);
      await turn.promise;
    }
    return await settled;
  }
}
