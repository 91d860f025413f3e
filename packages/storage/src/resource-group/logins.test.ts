import { SpiderError, toId } from '@spider/core';
import type { ResourceGroupId, TimestampMs } from '@spider/core';
import { SeededRng } from '@spider/runtime';
import { ManualClock } from '@spider/runtime/testing';
import { expect, test } from 'vitest';
import type { StoredTokenKey, TokenKeyStore } from '../db/job-store.ts';
import { FailedLogins } from './failed-logins.ts';
import { Logins } from './logins.ts';
import type { ResourceGroups } from './resource-groups.ts';

const DAY_MS = 86_400_000;
const TOKEN_MS = DAY_MS;
const GROUP = { externalId: 'nightly' };

/** Starts of storage, one after the other, on keys in memory. */
class Starts {
  readonly clock = new ManualClock();
  keys: StoredTokenKey[] = [];
  /** Of every login, if there is one. */
  failure: SpiderError | undefined;
  readonly #rng = new SeededRng('logins');
  #lastId = 0;

  open(): Promise<Logins> {
    const store: TokenKeyStore = {
      list: async () => this.keys,
      replace: async (secret, createdAt, useless) => {
        const key = { id: ++this.#lastId, secret, createdAt };
        this.keys = [...this.keys.filter((one) => one.createdAt > useless), key];
        return key;
      },
    };
    const groups = {
      authenticate: async () => {
        if (this.failure !== undefined) throw this.failure;
        return toId<ResourceGroupId>(3);
      },
    } as Partial<ResourceGroups> as ResourceGroups;
    const { clock } = this;
    const failed = new FailedLogins({ clock, perMinute: 3, totalPerMinute: 9 });
    return Logins.open({ store, groups, failed, clock, rng: this.#rng, tokenMs: TOKEN_MS });
  }
}

test('a token ends when its time is over', async () => {
  const starts = new Starts();
  const logins = await starts.open();
  const login = await logins.logIn(GROUP, new Uint8Array(0));
  const expiresAt = (starts.clock.now() + TOKEN_MS) as TimestampMs;
  expect(login).toMatchObject({ resourceGroupId: 3n, lifetimeMs: TOKEN_MS, expiresAt });
  starts.clock.advance(TOKEN_MS - 1);
  expect(logins.verify(login.token)).toEqual({ resourceGroupId: 3n, expiresAt });
  starts.clock.advance(1);
  expect(() => logins.verify(login.token)).toThrow('has expired');
});

test('a token outlives the start that gave it', async () => {
  const starts = new Starts();
  const { token } = await (await starts.open()).logIn(GROUP, new Uint8Array(0));
  const logins = await starts.open();
  expect(logins.verify(token).resourceGroupId).toBe(3n);
  expect(starts.keys).toHaveLength(1);
});

test('only so many logins of a group may fail for the password, and what else fails does not count', async () => {
  const starts = new Starts();
  const logins = await starts.open();
  const logIn = () => logins.logIn(GROUP, new Uint8Array(0));
  starts.failure = new SpiderError('unavailable', 'the database is away');
  for (let login = 0; login < 5; login++) await expect(logIn()).rejects.toBe(starts.failure);
  starts.failure = new SpiderError('unauthenticated', 'no');
  for (let login = 0; login < 3; login++) await expect(logIn()).rejects.toBe(starts.failure);
  await expect(logIn()).rejects.toThrow('try again in 20 s');
  starts.failure = undefined;
  const other = { id: toId<ResourceGroupId>(3) };
  expect((await logins.logIn(other, new Uint8Array(0))).resourceGroupId).toBe(3n);
  await expect(logIn()).rejects.toThrow('try again in 20 s');
  starts.clock.advance(20_000);
  await logIn();
});

test('an old key is replaced at a start, holds as long as its tokens, and is forgotten then', async () => {
  const starts = new Starts();
  await starts.open();
  starts.clock.advance(30 * DAY_MS - 1);
  const { token } = await (await starts.open()).logIn(GROUP, new Uint8Array(0));
  expect(starts.keys.map(({ id }) => id)).toEqual([1]);
  starts.clock.advance(1);
  const after = await starts.open();
  expect(starts.keys.map(({ id }) => id)).toEqual([1, 2]);
  expect(after.verify(token).resourceGroupId).toBe(3n);
  const { token: newer } = await after.logIn(GROUP, new Uint8Array(0));
  expect(newer.slice(0, 8)).not.toBe(token.slice(0, 8));
  starts.clock.advance(30 * DAY_MS);
  await starts.open();
  expect(starts.keys.map(({ id }) => id)).toEqual([2, 3]);
});

test('keys are not alike', async () => {
  const starts = new Starts();
  await starts.open();
  starts.clock.advance(30 * DAY_MS);
  await starts.open();
  const [first, second] = starts.keys.map(({ secret }) => Buffer.from(secret).toString('hex'));
  expect(first).toMatch(/^[\da-f]{64}$/);
  expect(second).not.toBe(first);
});
