import { SpiderError, toId } from '@spider/core';
import type { ResourceGroupId } from '@spider/core';
import { SeededRng } from '@spider/runtime';
import type { PasswordHasher } from '@spider/runtime';
import { expect, test } from 'vitest';
import type { ResourceGroupStore, StoredResourceGroup } from '../db/job-store.ts';
import { SupersededError } from '../db/store-error.ts';
import { SteppedClock } from '../testing/stepped-clock.ts';
import { ResourceGroups } from './resource-groups.ts';

const SECRET = Buffer.from('secret');
const UNAVAILABLE = new SpiderError('unavailable', 'the database does not answer just now');

/** Hashes are the passwords themselves. */
const plain: PasswordHasher = {
  hash: async (password) => Buffer.from(password).toString(),
  verify: async (password, hash) => Buffer.from(password).toString() === hash,
};

/** Groups in memory; each call fails as often as there are errors left. */
function start(passwords = plain) {
  const clock = new SteppedClock();
  const errors: Error[] = [];
  const groups = new Map<string, StoredResourceGroup>();
  const call = async <T>(answer: () => T): Promise<T> => {
    const error = errors.shift();
    if (error !== undefined) throw error;
    return answer();
  };
  const store: ResourceGroupStore = {
    insert: (externalId, passwordHash) =>
      call(() => {
        const id = toId<ResourceGroupId>(groups.size + 1);
        groups.set(externalId, { id, passwordHash });
        return id;
      }),
    find: (id) => call(() => [...groups.values()].find((group) => group.id === id)),
    findByExternalId: (externalId) => call(() => groups.get(externalId)),
  };
  const rng = new SeededRng('resource groups');
  const resourceGroups = new ResourceGroups({ store, passwords, clock, rng, waitingMax: 9 });
  return { clock, errors, resourceGroups };
}

test('what the database cannot do just now is tried again', async () => {
  const { clock, errors, resourceGroups } = start();
  errors.push(UNAVAILABLE, UNAVAILABLE);
  const id = await clock.advanceUntil(resourceGroups.add('nightly', SECRET));
  errors.push(UNAVAILABLE, UNAVAILABLE, UNAVAILABLE);
  await clock.advanceUntil(resourceGroups.verify(id, SECRET));
  errors.push(UNAVAILABLE, UNAVAILABLE, UNAVAILABLE, UNAVAILABLE);
  await expect(clock.advanceUntil(resourceGroups.verify(id, SECRET))).rejects.toBe(UNAVAILABLE);
});

test('what it will never do again is not', async () => {
  const { errors, resourceGroups } = start();
  const superseded = new SupersededError(toId(1), 2n);
  errors.push(superseded);
  await expect(resourceGroups.add('nightly', SECRET)).rejects.toBe(superseded);
});

test('passwords can be hashed again after that has failed', async () => {
  let failures = 1;
  const { resourceGroups } = start({
    ...plain,
    hash: async (password) => {
      if (failures-- > 0) throw new Error('out of memory');
      return await plain.hash(password);
    },
  });
  const verified = () => resourceGroups.verify(toId(404), SECRET);
  await expect(verified()).rejects.toThrow('out of memory');
  await expect(verified()).rejects.toMatchObject({ code: 'unauthenticated' });
});
