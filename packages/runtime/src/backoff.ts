import type { Clock } from './clock.ts';
import type { Rng } from './rng.ts';

/** How long to wait before trying again. */
export interface BackoffPolicy {
  /** Before the first repetition; doubles with each further one. */
  readonly initialDelayMs: number;
  /** It never gets longer. */
  readonly maxDelayMs: number;
  /** The share of a delay that is left to chance, from 0 to 1, so that many clients spread out. */
  readonly jitter: number;
}

export const DEFAULT_BACKOFF: BackoffPolicy = {
  initialDelayMs: 100,
  maxDelayMs: 3_000,
  jitter: 0.2,
};

/** The delay after failure number `attempt`, counted from 0. */
export function backoffDelayMs(attempt: number, policy: BackoffPolicy, rng: Rng): number {
  const delayMs = Math.min(policy.initialDelayMs * 2 ** attempt, policy.maxDelayMs);
  return delayMs * (1 - policy.jitter * rng.float());
}

export interface RetryOptions {
  readonly clock: Clock;
  readonly rng: Rng;
  /** Whether an error may be met by trying again. */
  readonly isRetryable: (error: unknown) => boolean;
  /** Stops the waiting; it rejects with the signal's reason then. */
  readonly signal?: AbortSignal;
  /** {@link DEFAULT_BACKOFF} by default. */
  readonly policy?: BackoffPolicy;
  /** Repetitions after the first try; 10 by default, Infinity never gives up. */
  readonly maxRetries?: number;
  /** Told about each failure that is going to be repeated. */
  readonly onRetry?: (error: unknown, delayMs: number) => void;
}

/** Repeats an operation until it succeeds or the error of its last try has to be faced. */
export async function retry<T>(operation: () => Promise<T>, options: RetryOptions): Promise<T> {
  const { clock, rng, signal, policy = DEFAULT_BACKOFF, maxRetries = 10 } = options;
  for (let attempt = 0; ; attempt++) {
    try {
      signal?.throwIfAborted();
      return await operation();
    } catch (error) {
      if (signal?.aborted || attempt >= maxRetries || !options.isRetryable(error)) throw error;
      const delayMs = backoffDelayMs(attempt, policy, rng);
      options.onRetry?.(error, delayMs);
      await clock.sleep(delayMs, signal && { signal });
    }
  }
}
