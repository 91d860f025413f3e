import { JobState } from '@spider/core';
import { describe, expect, test } from 'vitest';
import { SupersededError } from '../db/store-error.ts';
import { describeJobs } from './job-contract.ts';
import { describeJobLists } from './job-list-contract.ts';
import { describeJobPolicies } from './job-policy-contract.ts';
import { describeJobRetries } from './job-retry-contract.ts';
import { describePeers } from './peer-contract.ts';
import {
  at,
  bytes,
  change,
  commit,
  insert,
  newJob,
  streaming,
  storeRunner,
} from './store-fixture.ts';
import type { WithDatabase } from './store-fixture.ts';

/** What every database must do. `withDatabase` runs a test on a database of its own. */
export function describeStore(name: string, withDatabase: WithDatabase): void {
  const withStore = storeRunner(withDatabase);

  describe(`the store on ${name}`, () => {
    test(
      'takes writes of all kinds at the same time, and none of them in vain',
      withStore(async ({ jobs, cluster, resourceGroups }) => {
        for (let round = 0; round < 10; round++) {
          const { id } = await insert(jobs, newJob({ state: JobState.Running }));
          const managers = await Promise.all(
            Array.from({ length: 16 }, (_, i) =>
              cluster.registerExecutionManager(streaming(`${round}/${i}`, 1), at(i)),
            ),
          );
          expect(new Set(managers).size).toBe(16);
          const others = await Promise.all([
            insert(jobs, newJob()),
            commit(jobs, { journal: [{ jobId: id, sequence: 1, records: bytes(1) }] }),
            cluster.registerScheduler(`${round}`, 1, at(1)),
            resourceGroups.insert(`group ${round}`, 'hash'),
            cluster.listExecutionManagers(),
            ...managers.map((manager) => cluster.endExecutionManager(manager, at(100), 'left')),
          ]);
          expect(others[1].changes).toEqual([]);
          const success = change(id, JobState.Running, JobState.Succeeded, { deleteJournal: true });
          expect((await commit(jobs, { changes: [success] })).changes).toEqual([
            { kind: 'changed' },
          ]);
        }
        expect(await cluster.listExecutionManagers()).toEqual([]);
      }),
    );

    test(
      'lets only the latest session write, and everyone read',
      withStore(async (store, open) => {
        const { id } = await insert(store.jobs, newJob());
        await using next = await open();
        expect(next.sessionId > store.sessionId).toBe(true);
        await expect(insert(store.jobs, newJob())).rejects.toThrow(SupersededError);
        await expect(
          commit(store.jobs, {
            journal: [{ jobId: id, sequence: 1, records: bytes(1) }],
            changes: [change(id, JobState.Ready, JobState.Running)],
          }),
        ).rejects.toThrow(`session ${store.sessionId} of this storage was superseded`);
        await expect(store.cluster.reserveTaskInstances()).rejects.toThrow(SupersededError);
        expect(await store.superseded).toBeInstanceOf(SupersededError);
        await expect(store.resourceGroups.insert('a', 'b')).rejects.toThrow(SupersededError);
        expect(await store.jobs.findJob(id)).toMatchObject({ state: JobState.Ready });
        expect(await next.jobs.readJournal(id, 0, 1)).toEqual([]);
        await insert(next.jobs, newJob());
      }),
    );
  });

  describeJobs(name, withDatabase);
  describePeers(name, withDatabase);
  describeJobLists(name, withDatabase);
  describeJobPolicies(name, withDatabase);
  describeJobRetries(name, withDatabase);
}
