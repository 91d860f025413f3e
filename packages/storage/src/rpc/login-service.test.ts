import { Code, createClient } from '@connectrpc/connect';
import type { CallOptions } from '@connectrpc/connect';
import { encodeFrame } from '@spider/core';
import { LoginService } from '@spider/proto';
import { ResourceGroupManagementService } from '@spider/proto/reference';
import type { PasswordHasher } from '@spider/runtime';
import { describe, expect, test } from 'vitest';
import { chain, encoded } from '../testing/graphs.ts';
import { collect } from '../testing/inbox.ts';
import { Restarts } from '../testing/restarts.ts';
import { SteppedClock } from '../testing/stepped-clock.ts';
import { TestStorage } from '../testing/test-storage.ts';

const SECRET = Buffer.from('secret');
const INPUTS = encodeFrame([new Uint8Array([7])]);

const refusedWith = (code: Code, text: string): unknown =>
  expect.objectContaining({ code, message: expect.stringContaining(text) as string });

const loginsOf = ({ transport }: TestStorage) => createClient(LoginService, transport);

async function addGroup({ transport }: TestStorage, name = 'nightly'): Promise<bigint> {
  const groups = createClient(ResourceGroupManagementService, transport);
  const request = { externalResourceGroupId: name, password: SECRET };
  return (await groups.addResourceGroup(request)).resourceGroupId;
}

const byName = (value: string) => ({ case: 'resourceGroupName', value }) as const;
const byId = (value: bigint) => ({ case: 'resourceGroupId', value }) as const;

const withToken = (token: string): CallOptions => ({
  headers: { authorization: `Bearer ${token}` },
});

async function logIn(storage: TestStorage, name = 'nightly'): Promise<string> {
  const request = { resourceGroup: byName(name), password: SECRET };
  return (await loginsOf(storage).login(request)).token;
}

/** Counts what is hashed. */
function countingPasswords() {
  const counts = { hashed: 0, verified: 0 };
  const passwords: PasswordHasher = {
    hash: async (password) => {
      counts.hashed += 1;
      return Buffer.from(password).toString();
    },
    verify: async (password, hash) => {
      counts.verified += 1;
      return Buffer.from(password).toString() === hash;
    },
  };
  return { counts, passwords };
}

describe('a login', () => {
  test('is by id or by name, and yields a token that says whose it is', async () => {
    await using storage = await TestStorage.start();
    const group = await addGroup(storage);
    for (const resourceGroup of [byId(group), byName('nightly')]) {
      const login = await loginsOf(storage).login({ resourceGroup, password: SECRET });
      expect(login).toMatchObject({ resourceGroupId: group, lifetimeMs: 3_600_000n });
      expect(await loginsOf(storage).whoAmI({}, withToken(login.token))).toMatchObject({
        resourceGroupId: group,
        expiresAtMs: login.expiresAtMs,
      });
    }
    expect((await loginsOf(storage).whoAmI({})).resourceGroupId).toBe(0n);
  });

  test('does not tell a group that does not exist from a wrong password', async () => {
    await using storage = await TestStorage.start();
    const group = await addGroup(storage);
    const login = (resourceGroup: ReturnType<typeof byId | typeof byName>, password = 'guessed') =>
      loginsOf(storage).login({ resourceGroup, password: Buffer.from(password) });
    const noName = refusedWith(Code.Unauthenticated, 'no resource group of this name and password');
    await expect(login(byName('nightly'))).rejects.toEqual(noName);
    await expect(login(byName('weekly'))).rejects.toEqual(noName);
    const noId = refusedWith(Code.Unauthenticated, 'no resource group of this id and password');
    await expect(login(byId(group))).rejects.toEqual(noId);
    await expect(login(byId(404n))).rejects.toEqual(noId);
    // The group that every storage has is nobody's.
    await expect(login(byName('default'), '')).rejects.toEqual(noName);
  });

  test('needs a group, and has bounds', async () => {
    await using storage = await TestStorage.start();
    const logins = loginsOf(storage);
    await expect(logins.login({ password: SECRET })).rejects.toEqual(
      refusedWith(Code.InvalidArgument, 'resource_group: is missing'),
    );
    await expect(logins.login({ resourceGroup: byName('x'.repeat(257)) })).rejects.toEqual(
      refusedWith(Code.InvalidArgument, 'resource_group_name: 257 bytes are more than 256'),
    );
    const password = new Uint8Array(2049);
    await expect(logins.login({ resourceGroup: byName('x'), password })).rejects.toEqual(
      refusedWith(Code.InvalidArgument, 'password: 2049 bytes are more than 2048'),
    );
  });

  test('is refused for a while after too many with a wrong password, whatever waits for its turn', async () => {
    const { counts, passwords } = countingPasswords();
    const config = { runtime: { login: { failures_per_minute: 3 } } };
    await using storage = await TestStorage.start({ passwords, config });
    await addGroup(storage);
    const logIn = (password: Uint8Array) =>
      loginsOf(storage).login({ resourceGroup: byName('nightly'), password });
    const before = counts.verified;
    const all = await Promise.allSettled(
      Array.from({ length: 50 }, () => logIn(new Uint8Array([1]))),
    );
    expect(counts.verified - before).toBeLessThan(3 + 2);
    expect(all.filter(({ status }) => status === 'rejected')).toHaveLength(50);
    await expect(logIn(SECRET)).rejects.toEqual(
      refusedWith(Code.ResourceExhausted, 'too many logins of this resource group have failed'),
    );
  });

  test('waits for its turn among so many others, and is refused beyond', async () => {
    const { promise: held, resolve: release } = Promise.withResolvers<boolean>();
    const passwords: PasswordHasher = { hash: async () => 'hash', verify: () => held };
    await using storage = await TestStorage.start({ passwords });
    await addGroup(storage);
    const request = { resourceGroup: byName('nightly'), password: SECRET };
    const all = Array.from({ length: 300 }, () =>
      loginsOf(storage)
        .login(request)
        .then(
          () => 'in',
          (error: unknown) => error,
        ),
    );
    // None but those that are refused has an answer before the passwords are checked.
    const refused = await Promise.race(all);
    release(true);
    expect(refused).toEqual(
      refusedWith(
        Code.ResourceExhausted,
        '256 passwords wait, and runtime.limits.passwords allows no more',
      ),
    );
    const answers = await Promise.all(all);
    expect(answers.filter((answer) => answer === 'in')).toHaveLength(258);
  });
});

describe('a token', () => {
  test('is checked without a hash', async () => {
    const { counts, passwords } = countingPasswords();
    await using storage = await TestStorage.start({ passwords });
    await addGroup(storage);
    const options = withToken(await logIn(storage));
    const { verified, hashed } = counts;
    for (let call = 0; call < 100; call++) await loginsOf(storage).whoAmI({}, options);
    expect(counts).toEqual({ verified, hashed });
  });

  test('that is none is refused, of calls and of streams, before anything happens', async () => {
    await using storage = await TestStorage.start();
    const submission = { taskGraph: encoded(chain(1)), inputs: INPUTS };
    const garbage = withToken('garbage');
    const refused = refusedWith(Code.Unauthenticated, 'authorization: the token is none');
    await expect(storage.jobs.submitJob(submission, garbage)).rejects.toEqual(refused);
    await expect(collect(storage.jobs.watchJob({ jobId: 1n }, garbage))).rejects.toEqual(refused);
    const basic = { headers: { authorization: 'Basic c3Bp' } };
    await expect(storage.jobs.submitJob(submission, basic)).rejects.toEqual(
      refusedWith(Code.Unauthenticated, 'authorization: does not begin with "Bearer "'),
    );
    expect((await storage.jobs.listJobs({})).jobs).toEqual([]);
  });

  test('that has expired is refused, except where a new one is to be had', async () => {
    const clock = new SteppedClock();
    const config = { runtime: { login: { token_sec: 60 } } };
    await using storage = await TestStorage.start({ clock, config });
    await addGroup(storage);
    const options = withToken(await logIn(storage));
    clock.advance(59_999);
    await loginsOf(storage).whoAmI({}, options);
    clock.advance(1);
    await expect(loginsOf(storage).whoAmI({}, options)).rejects.toEqual(
      refusedWith(Code.Unauthenticated, 'authorization: the token has expired: log in again'),
    );
    const request = { resourceGroup: byName('nightly'), password: SECRET };
    const { token } = await loginsOf(storage).login(request, options);
    expect((await loginsOf(storage).whoAmI({}, withToken(token))).resourceGroupId).not.toBe(0n);
  });

  test('survives a restart of storage', async () => {
    await using restarts = await Restarts.create();
    const before = await restarts.start();
    const group = await addGroup(before);
    const options = withToken(await logIn(before));
    const after = await restarts.start();
    expect((await loginsOf(after).whoAmI({}, options)).resourceGroupId).toBe(group);
  });

  test('makes jobs that name no group those of the caller', async () => {
    await using storage = await TestStorage.start();
    const own = await addGroup(storage);
    const other = await addGroup(storage, 'weekly');
    const options = withToken(await logIn(storage));
    const submission = { taskGraph: encoded(chain(1)), inputs: INPUTS };
    const groupOf = async (jobId: bigint) =>
      (await storage.jobs.getJob({ jobId })).status?.resourceGroupId;
    const mine = await storage.jobs.submitJob(submission, options);
    expect(await groupOf(mine.jobId)).toBe(own);
    const theirs = await storage.jobs.submitJob({ ...submission, resourceGroupId: other }, options);
    expect(await groupOf(theirs.jobId)).toBe(other);
    const nobodys = await storage.jobs.submitJob(submission);
    expect([own, other]).not.toContain(await groupOf(nobodys.jobId));
  });
});
