import type { Sharing, SpiderError } from '@spider/core';
import {
  backoffDelayMs,
  type BackoffPolicy,
  type Clock,
  type Logger,
  type Rng,
} from '@spider/runtime';

import type { Dispatcher } from '../dispatch/dispatcher.ts';
import type { ReadyTaskHandlers, ReadyTaskSource } from './ready-task-source.ts';

export interface ReadyTaskReaderOptions {
  readonly clock: Clock;
  readonly rng: Rng;
  readonly logger: Logger;
  readonly source: ReadyTaskSource;
  readonly dispatcher: Dispatcher;
  readonly onConnected?: (isConnected: boolean) => void;
  readonly sharing: Sharing;
}

/** Short, and before each single endpoint: until a new storage is found nothing at all is dispatched. */
const RECONNECT_BACKOFF: BackoffPolicy = { initialDelayMs: 50, maxDelayMs: 100, jitter: 0.5 };

/** Keeps a stream of ready tasks open, and opens it again for as long as that takes. */
export class ReadyTaskReader {
  readonly #options: ReadyTaskReaderOptions;
  #failures = 0;

  constructor(options: ReadyTaskReaderOptions) {
    this.#options = options;
  }

  /** Resolves when the signal is aborted, with the stream closed. */
  async run(signal: AbortSignal): Promise<void> {
    const { clock, rng, logger } = this.#options;
    while (!signal.aborted) {
      const error = await this.#readOne(signal);
      if (signal.aborted) return;
      const delayMs = backoffDelayMs(this.#failures, RECONNECT_BACKOFF, rng);
      const fields = {
        reason: error?.message ?? 'it has ended the stream',
        retryDelayMs: Math.round(delayMs),
      };
      // Once is enough for whoever reads along.
      if (this.#failures === 0) logger.warn('no connection to storage', fields);
      else logger.debug('no connection to storage', fields);
      this.#failures += 1;
      await clock.sleep(delayMs, { signal }).catch(() => undefined);
    }
  }

  /** Resolves when one stream has closed, with what was wrong. */
  #readOne(signal: AbortSignal): Promise<SpiderError | undefined> {
    const { source, dispatcher, logger, sharing, onConnected } = this.#options;
    const failures = this.#failures;
    return new Promise((resolve) => {
      const handlers: ReadyTaskHandlers = {
        onOpen: ({ schedulerId, sessionId }) => {
          this.#failures = 0;
          logger.info('connected to storage', { schedulerId, sessionId });
          dispatcher.upstreamOpened(stream, sessionId, schedulerId);
          onConnected?.(true);
        },
        onReady: (tasks, pool) => dispatcher.tasksReady(tasks, pool),
        onJobsEnded: (jobIds) => dispatcher.jobsEnded(jobIds),
        onClose: (error) => {
          signal.removeEventListener('abort', close);
          dispatcher.upstreamClosed();
          onConnected?.(false);
          // One that we cannot work with may take us again and again.
          if (error?.code === 'failed-precondition') this.#failures = failures;
          resolve(error);
        },
      };
      const stream = source.open(handlers, sharing);
      const close = (): void => stream.close();
      signal.addEventListener('abort', close);
    });
  }
}
