import { LIMITS, SpiderError } from '@spider/core';
import type { Clock } from '@spider/runtime';

export interface FailedLoginsOptions {
  readonly clock: Clock;
  /** Failures a minute of one resource group; so many may come at once. */
  readonly perMinute: number;
  /** The same of all groups together. */
  readonly totalPerMinute: number;
}

/** Failures that are allowed now, and when that was worked out. */
interface Bucket {
  tokens: number;
  atUs: number;
}

const MINUTE_US = 60_000_000;

/** Keeps passwords from being guessed, and the cores from being busy with guesses. */
export class FailedLogins {
  readonly #options: FailedLoginsOptions;
  readonly #total: Bucket;
  /** Of groups with failures, the one that was last tried last. */
  readonly #groups = new Map<string, Bucket>();

  constructor(options: FailedLoginsOptions) {
    this.#options = options;
    this.#total = { tokens: options.totalPerMinute, atUs: options.clock.monotonicUs() };
  }

  /** Groups with failures that are remembered. */
  get size(): number {
    return this.#groups.size;
  }

  /**
   * Asked before a password is checked.
   *
   * @param group whatever names it, or none that exists.
   * @throws SpiderError 'resource-exhausted', with the time to wait, while there were too many failures.
   */
  check(group: string): void {
    const { perMinute, totalPerMinute } = this.#options;
    const nowUs = this.#options.clock.monotonicUs();
    const bucket = this.#groups.get(group);
    if (bucket !== undefined) check(bucket, perMinute, nowUs, 'of this resource group ');
    check(this.#total, totalPerMinute, nowUs, '');
  }

  /** The password of a login was wrong. */
  add(group: string): void {
    const nowUs = this.#options.clock.monotonicUs();
    const { perMinute, totalPerMinute } = this.#options;
    const bucket = this.#groups.get(group) ?? { tokens: perMinute, atUs: nowUs };
    take(bucket, perMinute, nowUs);
    take(this.#total, totalPerMinute, nowUs);
    this.#remember(group, bucket);
  }

  #remember(group: string, bucket: Bucket): void {
    this.#groups.delete(group);
    this.#groups.set(group, bucket);
    if (this.#groups.size <= LIMITS.failedLoginGroups) return;
    for (const oldest of this.#groups.keys()) {
      this.#groups.delete(oldest);
      return;
    }
  }
}

function refill(bucket: Bucket, perMinute: number, nowUs: number): void {
  const gained = ((nowUs - bucket.atUs) * perMinute) / MINUTE_US;
  bucket.tokens = Math.min(perMinute, bucket.tokens + gained);
  bucket.atUs = nowUs;
}

function take(bucket: Bucket, perMinute: number, nowUs: number): void {
  refill(bucket, perMinute, nowUs);
  bucket.tokens -= 1;
}

function check(bucket: Bucket, perMinute: number, nowUs: number, whose: string): void {
  refill(bucket, perMinute, nowUs);
  if (bucket.tokens >= 1) return;
  const waitSec = Math.ceil(((1 - bucket.tokens) * 60) / perMinute);
  throw new SpiderError(
    'resource-exhausted',
    `too many logins ${whose}have failed: try again in ${waitSec} s`,
  );
}
