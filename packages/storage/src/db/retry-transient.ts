import { retry } from '@spider/runtime';
import type { Clock, Rng } from '@spider/runtime';
import { isTransient } from './store-error.ts';

/** About two thirds of a second: whoever waits may try again by itself. */
const RETRIES = 3;

/** Repeats what may be repeated while the database does not answer, for a moment. */
export const retryTransient = <T>(
  { clock, rng }: { readonly clock: Clock; readonly rng: Rng },
  operation: () => Promise<T>,
): Promise<T> => retry(operation, { clock, rng, isRetryable: isTransient, maxRetries: RETRIES });
