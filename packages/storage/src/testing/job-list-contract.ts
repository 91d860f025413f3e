import { NO_METADATA } from '../job-metadata.ts';
import { ID_MAX, JobState, toId } from '@spider/core';
import type { JobId, ResourceGroupId, TimestampMs } from '@spider/core';
import { systemClock } from '@spider/runtime/node';
import { describe, expect, test } from 'vitest';
import type { JobFilter, JobStore, NewJob, Store } from '../db/job-store.ts';

/** Far more than the fastest of a few tries takes on any machine. */
const PAGE_MS_MAX = 250;
const TRIES = 5;

const ANY: JobFilter = { states: [], labels: {}, namePrefix: '' };

interface Wanted {
  readonly name?: string;
  readonly labels?: Readonly<Record<string, string>>;
  readonly state?: JobState;
  readonly resourceGroupId?: ResourceGroupId;
  readonly submittedAt?: number;
}

const toNewJob = ({ name = '', labels = {}, ...more }: Wanted): NewJob => ({
  resourceGroupId: more.resourceGroupId ?? toId<ResourceGroupId>(0),
  idempotencyKey: undefined,
  state: more.state ?? JobState.Ready,
  taskCount: 1,
  graph: new Uint8Array(1),
  inputs: new Uint8Array(1),
  submittedAt: (more.submittedAt ?? 1000) as TimestampMs,
  metadata: { ...NO_METADATA, name, labels, priority: -5 },
});

async function insertAll(jobs: JobStore, wanted: readonly Wanted[]): Promise<JobId[]> {
  const { submissions } = await jobs.commit({
    submissions: wanted.map(toNewJob),
    journal: [],
    changes: [],
  });
  return submissions.flatMap((result) => (result.kind === 'job' ? [result.job.id] : []));
}

/** What every database must find of the jobs in it. */
export function describeJobLists(
  name: string,
  withDatabase: (run: (open: () => Promise<Store>) => Promise<void>) => Promise<void>,
): void {
  const withStore = (run: (store: Store) => Promise<void>) => () =>
    withDatabase(async (open) => {
      await using store = await open();
      await run(store);
    });

  const newest = async (
    { jobs }: Store,
    filter: Partial<JobFilter>,
    before: bigint = ID_MAX,
    limit = 10,
  ): Promise<JobId[]> => {
    const found = await jobs.listJobs({ ...ANY, ...filter }, toId<JobId>(before), limit);
    return found.map(({ id }) => id);
  };

  describe(`lists of jobs on ${name}`, () => {
    test(
      'show name, labels and priority as they were submitted',
      withStore(async ({ jobs }) => {
        const labels = { team: 'v\u00efsion', '': ' ', 'a "key"': '', toString: 'x' };
        await insertAll(jobs, [{ name: 'n\u00efghtly ', labels }]);
        const [job] = await jobs.listJobs(ANY, toId<JobId>(ID_MAX), 1);
        expect(job?.metadata).toEqual({
          ...NO_METADATA,
          name: 'n\u00efghtly ',
          labels,
          priority: -5,
        });
        expect(await jobs.findJob(toId(job?.id ?? 0))).toEqual(job);
      }),
    );

    test(
      'begin with the newest and go on below any job',
      withStore(async (store) => {
        const ids = await insertAll(store.jobs, [{}, {}, {}, {}]);
        const [first, second, third, fourth] = ids;
        expect(await newest(store, {})).toEqual(ids.toReversed());
        expect(await newest(store, {}, ID_MAX, 3)).toEqual([fourth, third, second]);
        expect(await newest(store, {}, second)).toEqual([first]);
        expect(await newest(store, {}, first)).toEqual([]);
      }),
    );

    test(
      'keep to states and resource groups, in one order',
      withStore(async (store) => {
        const group = await store.resourceGroups.insert('other', 'hash');
        if (group === undefined) throw new Error('no group');
        const running = { state: JobState.Running };
        const [first, second, third, fourth] = await insertAll(store.jobs, [
          running,
          {},
          { ...running, resourceGroupId: group },
          running,
        ]);
        const { Ready, Running, Failed } = JobState;
        expect(await newest(store, { states: [Running] })).toEqual([fourth, third, first]);
        const both = { states: [Ready, Running, Failed] };
        expect(await newest(store, both)).toEqual([fourth, third, second, first]);
        expect(await newest(store, both, third, 1)).toEqual([second]);
        expect(await newest(store, { resourceGroupId: group })).toEqual([third]);
        const resourceGroupId = toId<ResourceGroupId>(0);
        expect(await newest(store, { resourceGroupId })).toEqual([fourth, second, first]);
        expect(await newest(store, { resourceGroupId, states: [Ready] })).toEqual([second]);
        expect(await newest(store, { resourceGroupId: toId(404) })).toEqual([]);
        expect(await newest(store, { resourceGroupId: toId(ID_MAX) })).toEqual([]);
      }),
    );

    test(
      'find labels by their exact values, all of them',
      withStore(async (store) => {
        const [first, second, third] = await insertAll(store.jobs, [
          { labels: { team: 'vision', tier: '1' } },
          { labels: { team: 'vision' }, state: JobState.Running },
          { labels: { team: 'Vision', 'team ': 'vision', tier: '1' } },
        ]);
        expect(await newest(store, { labels: { team: 'vision' } })).toEqual([second, first]);
        expect(await newest(store, { labels: { team: 'vision' } }, second)).toEqual([first]);
        expect(await newest(store, { labels: { tier: '1' } })).toEqual([third, first]);
        expect(await newest(store, { labels: { tier: '1', team: 'vision' } })).toEqual([first]);
        expect(await newest(store, { labels: { team: 'vision ' } })).toEqual([]);
        const states = [JobState.Running];
        expect(await newest(store, { labels: { team: 'vision' }, states })).toEqual([second]);
      }),
    );

    test(
      'find names by how they begin, and submissions by their time',
      withStore(async (store) => {
        const [first, second, third, fourth] = await insertAll(store.jobs, [
          { name: 'a%b', submittedAt: 1000 },
          { name: 'axb', submittedAt: 2000 },
          { name: 'A%b', submittedAt: 3000 },
          { name: '\u{1F577}_\\x', submittedAt: 4000 },
        ]);
        expect(await newest(store, { namePrefix: 'a%' })).toEqual([first]);
        expect(await newest(store, { namePrefix: 'a' })).toEqual([second, first]);
        expect(await newest(store, { namePrefix: 'a ' })).toEqual([]);
        expect(await newest(store, { namePrefix: '\u{1F577}_\\' })).toEqual([fourth]);
        expect(await newest(store, { namePrefix: '\u{1F577}\\' })).toEqual([]);
        const submittedFrom = 2000 as TimestampMs;
        const submittedBefore = 3000 as TimestampMs;
        expect(await newest(store, { submittedFrom })).toEqual([fourth, third, second]);
        expect(await newest(store, { submittedBefore })).toEqual([second, first]);
        expect(await newest(store, { submittedFrom, submittedBefore })).toEqual([second]);
      }),
    );

    test(
      'stay fast when there are very many jobs',
      withStore(async (store) => {
        // A server takes a minute to insert as many as SQLite does in some seconds.
        const jobsMany = name === 'SQLite' ? 100_000 : 10_000;
        const states = [JobState.Ready, JobState.Running, JobState.Failed];
        for (let first = 0; first < jobsMany; first += 5000) {
          await insertAll(
            store.jobs,
            Array.from({ length: 5000 }, (_, i) => ({
              name: `job ${first + i}`,
              labels: { team: first + i === 777 ? 'rare' : 'common' },
              state: states[i % 3] ?? JobState.Ready,
              submittedAt: first + i,
            })),
          );
        }
        const filters: Partial<JobFilter>[] = [
          {},
          { states: [JobState.Failed, JobState.Running] },
          { states: [JobState.Succeeded] },
          { resourceGroupId: toId(0) },
          { labels: { team: 'common' } },
          { labels: { team: 'rare' } },
          { labels: { team: 'common' }, states: [JobState.Succeeded] },
          { namePrefix: 'job 7' },
          { namePrefix: 'nothing' },
          { submittedBefore: 100 as TimestampMs },
        ];
        for (const [number, filter] of filters.entries()) {
          let fastestMs = Infinity;
          for (let attempt = 0; attempt < TRIES; attempt++) {
            const startUs = systemClock.monotonicUs();
            await newest(store, filter, ID_MAX, 101);
            fastestMs = Math.min(fastestMs, (systemClock.monotonicUs() - startUs) / 1000);
          }
          expect(fastestMs, `filter ${number}`).toBeLessThan(PAGE_MS_MAX);
        }
      }),
      120_000,
    );
  });
}
