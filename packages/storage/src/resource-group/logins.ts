import { SpiderError } from '@spider/core';
import type { ResourceGroupId, TimestampMs } from '@spider/core';
import type { Clock, Rng } from '@spider/runtime';
import type { StoredTokenKey, TokenKeyStore } from '../db/job-store.ts';
import { retryTransient } from '../db/retry-transient.ts';
import type { FailedLogins } from './failed-logins.ts';
import { signToken, verifyToken } from './login-token.ts';
import type { Login, TokenKey } from './login-token.ts';
import type { GroupName, ResourceGroups } from './resource-groups.ts';

export interface LoginsOptions {
  readonly groups: ResourceGroups;
  readonly failed: FailedLogins;
  readonly clock: Clock;
  /** How long a token is valid. */
  readonly tokenMs: number;
  /** The newest one last. */
  readonly keys: readonly TokenKey[];
}

/** A login that has just succeeded. */
export interface NewLogin extends Login {
  readonly token: string;
  readonly lifetimeMs: number;
}

const SECRET_WORDS = 8;

/** A key signs for so long; a start after that makes a new one. */
const KEY_AGE_MS_MAX = 30 * 86_400_000;

/**
 * Gives out tokens for passwords. A token is checked by its signature alone: neither the database is
 * asked nor a password hashed. The keys are in the database, so that tokens outlive a restart and hold at
 * whichever storage becomes the active one.
 */
export class Logins {
  readonly #options: LoginsOptions;
  readonly #keys: ReadonlyMap<number, TokenKey>;
  readonly #newest: TokenKey;

  private constructor(options: LoginsOptions, newest: TokenKey) {
    this.#options = options;
    this.#keys = new Map(options.keys.map((key) => [key.id, key]));
    this.#newest = newest;
  }

  /** Reads the keys, makes a new one if there is none or they are old, and forgets those of no use. */
  static async open(
    options: Omit<LoginsOptions, 'keys'> & { readonly rng: Rng; readonly store: TokenKeyStore },
  ): Promise<Logins> {
    const { store, clock, rng, tokenMs } = options;
    const now = clock.now();
    const stored = await retryTransient(options, () => store.list());
    const useless = (now - KEY_AGE_MS_MAX - tokenMs) as TimestampMs;
    const keys: TokenKey[] = stored.filter((key) => key.createdAt > useless);
    let newest: StoredTokenKey | undefined = stored.at(-1);
    if (newest === undefined || newest.createdAt + KEY_AGE_MS_MAX <= now) {
      const secret = drawSecret(rng);
      newest = await retryTransient(options, () => store.replace(secret, now, useless));
      keys.push(newest);
    }
    return new Logins({ ...options, keys }, newest);
  }

  /**
   * @throws SpiderError 'unauthenticated' unless there is such a group, with this password;
   * 'resource-exhausted' while too many passwords wait to be checked, or have been wrong.
   */
  async logIn(name: GroupName, password: Uint8Array): Promise<NewLogin> {
    const { clock, tokenMs } = this.#options;
    const resourceGroupId = await this.#authenticate(name, password);
    const expiresAt = (clock.now() + tokenMs) as TimestampMs;
    const login = { resourceGroupId, expiresAt };
    return { ...login, token: signToken(login, this.#newest), lifetimeMs: tokenMs };
  }

  async #authenticate(name: GroupName, password: Uint8Array): Promise<ResourceGroupId> {
    const { groups, failed } = this.#options;
    const group = 'id' in name ? `id ${name.id}` : `name ${name.externalId}`;
    failed.check(group);
    try {
      // Others may have failed while this one waited for its turn.
      return await groups.authenticate(name, password, () => failed.check(group));
    } catch (error) {
      const isWrong = error instanceof SpiderError && error.code === 'unauthenticated';
      if (isWrong) failed.add(group);
      throw error;
    }
  }

  /** @throws SpiderError 'unauthenticated' unless the token is one that is valid now. */
  verify(token: string): Login {
    return verifyToken(token, this.#keys, this.#options.clock.now());
  }
}

function drawSecret(rng: Rng): Uint8Array {
  const words = new Uint32Array(SECRET_WORDS);
  for (let at = 0; at < SECRET_WORDS; at++) words[at] = rng.uint32();
  return new Uint8Array(words.buffer);
}
