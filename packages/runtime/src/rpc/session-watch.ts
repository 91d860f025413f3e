import type { Http2Session } from 'node:http2';

import type { Clock, Timer } from '../clock.ts';

export interface SessionWatchOptions {
  readonly intervalMs: number;
  readonly timeoutMs: number;
  /** The peer didn't answer in time. */
  readonly onDead: () => void;
}

/**
 * Pings the peer at an interval, to find out when it has frozen or was cut off without a word.
 */
export function watchSession(
  session: Http2Session,
  clock: Clock,
  options: SessionWatchOptions,
): Timer {
  let timer = clock.setTimer(options.intervalMs, ask);
  return { cancel: () => timer.cancel() };

  function ask(): void {
    if (session.destroyed) return;
    timer = clock.setTimer(options.timeoutMs, options.onDead);
    session.ping((error) => {
      timer.cancel();
      if (error === null && !session.destroyed) timer = clock.setTimer(options.intervalMs, ask);
    });
  }
}
