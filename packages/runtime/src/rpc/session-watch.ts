import type { Http2Session } from 'node:http2';

import type { Clock, Timer } from '../clock.ts';

/**
 * Finds out when a peer has frozen, or was cut off without a word: it is pinged at an interval, and
 * its connection is destroyed if it doesn't answer in time.
 */
export function watchSession(
  session: Http2Session,
  clock: Clock,
  pings: { readonly intervalMs: number; readonly timeoutMs: number },
): Timer {
  let timer = clock.setTimer(pings.intervalMs, ask);
  return { cancel: () => timer.cancel() };

  function ask(): void {
    if (session.destroyed) return;
    timer = clock.setTimer(pings.timeoutMs, () => session.destroy());
    session.ping((error) => {
      timer.cancel();
      if (error === null && !session.destroyed) timer = clock.setTimer(pings.intervalMs, ask);
    });
  }
}
