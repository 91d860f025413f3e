import type { Sharing, SpiderError } from '@spider/core';
import type { Logger } from '@spider/runtime';

import type { ReadyTaskHandlers, ReadyTaskSource, ReadyTaskStream } from './ready-task-source.ts';

export interface FallbackReadyTaskSourceOptions {
  readonly preferred: ReadyTaskSource;
  /** Used after the preferred one has said that its other side does not know its service. */
  readonly fallback: ReadyTaskSource;
  readonly logger: Logger;
}

/**
 * Ready tasks of whatever storage there is: ours, or one of the reference, which does not know our
 * service. After each stream of the latter ours is asked for again: it may have taken its place.
 */
export class FallbackReadyTaskSource implements ReadyTaskSource {
  readonly #options: FallbackReadyTaskSourceOptions;
  #isUnknown = false;

  constructor(options: FallbackReadyTaskSourceOptions) {
    this.#options = options;
  }

  open(handlers: ReadyTaskHandlers, sharing: Sharing): ReadyTaskStream {
    const { preferred, fallback, logger } = this.#options;
    const wasUnknown = this.#isUnknown;
    const onClose = (error: SpiderError | undefined): void => {
      this.#isUnknown = !wasUnknown && error?.code === 'unimplemented';
      if (this.#isUnknown) logger.info('storage is one of the reference: its queues are polled');
      handlers.onClose(error);
    };
    const source = wasUnknown ? fallback : preferred;
    return source.open({ ...handlers, onClose }, sharing);
  }
}
