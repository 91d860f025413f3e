import type { SpiderError } from '@spider/core';
import {
  backoffDelayMs,
  type BackoffPolicy,
  type Clock,
  type EndpointList,
  type Logger,
  type Rng,
} from '@spider/runtime';

/** Between attempts. Short, because a storage that has just started waits for its managers. */
const RECONNECT_BACKOFF: BackoffPolicy = { initialDelayMs: 50, maxDelayMs: 250, jitter: 0.5 };

/** A connection that lived this long has worked; one that broke earlier is a failed attempt. */
const WORKED_MS = 1_000;

/** How soon a storage is given up. */
export interface Liveness {
  /** A storage that has said nothing for so long is left; not shorter than `attemptMs`. */
  readonly silenceMs: number;
  /** How long one may take to answer when it is met. */
  readonly attemptMs: number;
}

/**
 * The longest that an execution manager may take, after one of so many storages has become active,
 * to have a stream to it. At worst it still listens to the former one, which fell silent just then,
 * and meets the active one last, after all others have let it wait.
 */
export const reconnectWithinMs = (
  { silenceMs, attemptMs }: Liveness,
  storageEndpoints: number,
): number => silenceMs + storageEndpoints * (attemptMs + RECONNECT_BACKOFF.maxDelayMs);

export interface ReconnectionOptions {
  readonly clock: Clock;
  readonly rng: Rng;
  readonly logger: Logger;
  readonly endpoints: EndpointList;
  /** Who is there, as log lines name it. */
  readonly peer: string;
}

/** Decides when and where to try again, and says once when a peer was lost or found. */
export class Reconnection {
  readonly #options: ReconnectionOptions;
  #beganUs = 0;
  #hasWorked = false;
  #isLossKnown = false;

  constructor(options: ReconnectionOptions) {
    this.#options = options;
  }

  /** An attempt begins. */
  begin(): void {
    this.#beganUs = this.#options.clock.monotonicUs();
    this.#hasWorked = false;
  }

  /** The peer has answered. */
  worked(): void {
    if (this.#hasWorked) return;
    const { logger, endpoints, peer } = this.#options;
    this.#hasWorked = true;
    this.#isLossKnown = false;
    logger.info(`connected to ${peer}`, { url: endpoints.current });
  }

  /** The attempt has failed, or the connection broke. Resolves when the next one may begin. */
  async lost(failure: SpiderError, signal: AbortSignal): Promise<void> {
    const { clock, rng, endpoints } = this.#options;
    this.#log(failure);
    const livedMs = (clock.monotonicUs() - this.#beganUs) / 1000;
    if (this.#hasWorked && livedMs >= WORKED_MS) endpoints.reportSuccess();
    endpoints.reportFailure();
    const round = endpoints.failedRounds;
    if (round === 0) return;
    const delayMs = backoffDelayMs(round - 1, RECONNECT_BACKOFF, rng);
    // An abort ends the loop that waits here.
    await clock.sleep(delayMs, { signal }).catch(() => undefined);
  }

  #log(failure: SpiderError): void {
    const { logger, endpoints, peer } = this.#options;
    const fields = { url: endpoints.current, reason: failure.message };
    const message = this.#hasWorked ? `lost ${peer}` : `cannot reach ${peer}`;
    if (this.#isLossKnown) logger.debug(message, fields);
    else logger.warn(message, fields);
    this.#isLossKnown = true;
  }
}
