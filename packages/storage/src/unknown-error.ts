import { SpiderError } from '@spider/core';

/** What can be told to a peer of any error; the error itself is the cause. */
export const fromUnknown = (error: unknown): SpiderError =>
  error instanceof SpiderError
    ? error
    : new SpiderError('internal', 'internal error', { cause: error });
