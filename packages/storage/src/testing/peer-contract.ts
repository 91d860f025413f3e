import { toId } from '@spider/core';
import { describe, expect, test } from 'vitest';
import { at, insert, newJob, plain, present, streaming, storeRunner } from './store-fixture.ts';
import type { WithDatabase } from './store-fixture.ts';

/** What every database must do with processes, keys and resource groups. */
export function describePeers(name: string, withDatabase: WithDatabase): void {
  const withStore = storeRunner(withDatabase);

  describe(`the store on ${name}`, () => {
    test(
      'never gives an id of a task instance twice',
      withStore(async (store, open) => {
        const bases = [await store.cluster.reserveTaskInstances()];
        bases.push(await store.cluster.reserveTaskInstances());
        await using next = await open();
        bases.push(await next.cluster.reserveTaskInstances());
        expect(bases[0]).toBeGreaterThanOrEqual(2 ** 32);
        expect(present(bases[1]) - present(bases[0])).toBeGreaterThanOrEqual(2 ** 32);
        expect(present(bases[2]) - present(bases[1])).toBeGreaterThanOrEqual(2 ** 32);
      }),
    );

    test(
      'knows the execution managers that are alive, also after a start',
      withStore(async (store, open) => {
        const { cluster } = store;
        const first = await cluster.registerExecutionManager(streaming('a', 4), at(1));
        const second = await cluster.registerExecutionManager(streaming('b', 8), at(2));
        const beating = { host: '::1', slots: 1, hasStream: false, version: '' };
        const third = await cluster.registerExecutionManager(beating, at(2));
        await cluster.endExecutionManager(first, at(3), 'it has left');
        await cluster.endExecutionManager(first, at(4), 'it was silent');
        const alive = {
          drainRequestedAt: undefined,
          endedAt: undefined,
          endReason: undefined,
        };
        const ended = { endedAt: 3, endReason: 'it has left' };
        const left = { id: first, ...streaming('a', 4), registeredAt: 1, ...alive, ...ended };
        expect(await cluster.findExecutionManager(first)).toEqual(left);
        await using next = await open();
        expect(await next.cluster.listExecutionManagers()).toEqual([
          { id: second, ...streaming('b', 8), registeredAt: 2, ...alive },
          { id: third, ...beating, registeredAt: 2, ...alive },
        ]);
        const unknown = toId<typeof first>(2n ** 64n - 1n);
        expect(await cluster.findExecutionManager(unknown)).toBeUndefined();
        const page = async (before: bigint, limit: number) =>
          (await next.cluster.pageExecutionManagers(toId(before), limit)).map(({ id }) => id);
        expect(await page(unknown, 2)).toEqual([third, second]);
        expect(await page(second, 2)).toEqual([first]);
        expect(await page(first, 2)).toEqual([]);
      }),
    );

    test(
      'remembers which execution managers are to end, from the first time on',
      withStore(async ({ cluster }, open) => {
        const first = await cluster.registerExecutionManager(streaming('a', 4), at(1));
        const second = await cluster.registerExecutionManager(streaming('b', 8), at(2));
        await cluster.requestDrain(first, at(3));
        await cluster.requestDrain(first, at(4));
        await cluster.endExecutionManager(second, at(3), 'it has left');
        await cluster.requestDrain(second, at(5));
        await using next = await open();
        const times = async (id: typeof first) =>
          (await next.cluster.findExecutionManager(id))?.drainRequestedAt;
        expect([await times(first), await times(second)]).toEqual([3, undefined]);
      }),
    );

    test(
      'forgets execution managers that ended long ago, some at a time, the oldest first',
      withStore(async ({ cluster }) => {
        const ended = [30, 10, 20, 40];
        const ids = [];
        for (const time of ended) {
          const id = await cluster.registerExecutionManager(streaming('a', 1), at(1));
          await cluster.endExecutionManager(id, at(time), 'it has left');
          ids.push(id);
        }
        ids.push(await cluster.registerExecutionManager(streaming('a', 1), at(1)));
        const forget = (before: number, limit: number) =>
          cluster.deleteEndedExecutionManagers(at(before), limit);
        const left = async () =>
          (await cluster.pageExecutionManagers(toId(2n ** 64n - 1n), 10)).map(({ id }) => id);
        expect(await forget(9, 10)).toEqual({ deleted: 0, nextEndedAt: 10 });
        expect(await forget(30, 2)).toEqual({ deleted: 2, nextEndedAt: 30 });
        expect(await left()).toEqual([ids[4], ids[3], ids[0]]);
        expect(await forget(100, 10)).toEqual({ deleted: 2, nextEndedAt: undefined });
        expect(await left()).toEqual([ids[4]]);
        expect(await forget(100, 10)).toEqual({ deleted: 0, nextEndedAt: undefined });
        const next = await cluster.registerExecutionManager(streaming('a', 1), at(1));
        expect(next).toBeGreaterThan(present(ids[4]));
      }),
    );

    test(
      'forgets earlier starts, and gives nothing twice for that',
      withStore(async (store, open) => {
        await using second = await open();
        const used = [
          await store.cluster.reserveTaskInstances().catch(() => 0),
          await second.cluster.reserveTaskInstances(),
        ];
        await using third = await open();
        const { cluster, sessionId } = third;
        // Sessions are opened at 1.
        expect(await cluster.deleteOldSessions(at(0), 10)).toBe(0);
        expect(await cluster.deleteOldSessions(at(1), 1)).toBe(1);
        expect(await cluster.deleteOldSessions(at(1), 10)).toBe(Number(sessionId) - 2);
        expect(await cluster.deleteOldSessions(at(1), 10)).toBe(0);
        expect(await cluster.reserveTaskInstances()).toBeGreaterThan(Math.max(...used));
        await using fourth = await open();
        expect(fourth.sessionId).toBe(sessionId + 1n);
        const base = await fourth.cluster.reserveTaskInstances();
        expect(base).toBeGreaterThan(Math.max(...used));
      }),
    );

    test(
      'keeps what tokens are signed with, and forgets what is of no use',
      withStore(async ({ tokenKeys }, open) => {
        expect(await tokenKeys.list()).toEqual([]);
        const secret = Uint8Array.from({ length: 32 }, (_, i) => i * 8);
        const first = await tokenKeys.replace(secret, at(10), at(0));
        const second = await tokenKeys.replace(secret, at(20), at(9));
        expect(second.id).toBeGreaterThan(first.id);
        await using next = await open();
        const plainly = (await next.tokenKeys.list()).map((key) => ({
          ...key,
          secret: plain(key.secret),
        }));
        expect(plainly).toEqual([
          { id: first.id, secret: plain(secret), createdAt: 10 },
          { id: second.id, secret: plain(secret), createdAt: 20 },
        ]);
        const third = await next.tokenKeys.replace(secret, at(30), at(10));
        const ids = (await next.tokenKeys.list()).map(({ id }) => id);
        expect(ids).toEqual([second.id, third.id]);
      }),
    );

    test(
      'knows the latest scheduler',
      withStore(async ({ cluster }) => {
        expect(await cluster.listSchedulers()).toEqual([]);
        const first = await cluster.registerScheduler('a', 1, at(1));
        const second = await cluster.registerScheduler('b', 65_535, at(2));
        expect(second > first).toBe(true);
        expect(await cluster.listSchedulers()).toEqual([
          { id: second, host: 'b', port: 65_535, registeredAt: 2 },
        ]);
      }),
    );

    test(
      'keeps resource groups, one of an external id',
      withStore(async ({ jobs, resourceGroups }) => {
        const id = present(await resourceGroups.insert('nightly', 'hash 1'));
        expect(await resourceGroups.insert('nightly', 'hash 2')).toBeUndefined();
        const other = present(await resourceGroups.insert('Nightly', 'hash 3'));
        const third = present(await resourceGroups.insert('', 'hash 4'));
        expect(new Set([id, other, third]).size).toBe(3);
        const stored = { id, passwordHash: 'hash 1' };
        expect(await resourceGroups.find(id)).toEqual(stored);
        expect(await resourceGroups.findByExternalId('nightly')).toEqual(stored);
        expect(await resourceGroups.findByExternalId('')).toMatchObject({ id: third });
        expect(await resourceGroups.findByExternalId('weekly')).toBeUndefined();
        for (const unknown of [0n, 404n, 2n ** 64n - 1n]) {
          expect(await resourceGroups.find(toId(unknown))).toBeUndefined();
        }
        const job = await insert(jobs, newJob({ resourceGroupId: id }));
        expect(job.resourceGroupId).toBe(id);
        const { resourceGroupId } = await insert(jobs, newJob());
        expect(await resourceGroups.find(resourceGroupId)).toEqual({
          id: resourceGroupId,
          passwordHash: undefined,
        });
      }),
    );
  });
}
