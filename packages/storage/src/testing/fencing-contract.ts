import { JobState, toId } from '@spider/core';
import type { ExecutionManagerId, JobId, TimestampMs } from '@spider/core';
import { sql } from 'kysely';
import type { Kysely } from 'kysely';
import { describe, expect, test } from 'vitest';
import { BlobKind } from '../db/job-store.ts';
import type { Store } from '../db/job-store.ts';
import { SupersededError } from '../db/store-error.ts';
import type { Schema } from '../db/schema.ts';

/** A database of a test. */
export interface FencedDatabase {
  /** Opens a new session, and with that supersedes those before. */
  readonly open: () => Promise<Store>;
  /** What the test looks at the rows with. */
  readonly kysely: Kysely<Schema>;
}

const at = (ms: number): TimestampMs => ms as TimestampMs;
const one = <T extends JobId | ExecutionManagerId>(): T => toId<T>(1);
const bytes = new Uint8Array([1]);

const EMPTY = { submissions: [], journal: [], changes: [] };
const submission = {
  resourceGroupId: toId<never>(0),
  idempotencyKey: undefined,
  state: JobState.Running,
  taskCount: 1,
  graph: bytes,
  inputs: bytes,
  submittedAt: at(1),
};
const change = {
  jobId: one<JobId>(),
  from: JobState.Running,
  to: JobState.Failed,
  at: at(2),
  succeededTasks: 0,
  failedTasks: 1,
  skippedTasks: 0,
  failedAttempts: 1,
  outputs: bytes,
  errorMessage: 'it is over',
  deleteJournal: true,
};
const row = (sequence: number) => ({ jobId: one<JobId>(), sequence, records: bytes });
const manager = { host: 'a', slots: 1, hasStream: true, version: '1' };

type Part = 'jobs' | 'cluster' | 'resourceGroups' | 'tokenKeys';

/** Each would change a row, if its session were the active one. */
const WRITES: Record<Part, Record<string, (store: Store) => Promise<unknown>>> = {
  jobs: {
    commit: ({ jobs }) =>
      jobs.commit({ submissions: [submission], journal: [row(2)], changes: [change] }),
    deleteJob: ({ jobs }) => jobs.deleteJob(toId<JobId>(2)),
  },
  cluster: {
    reserveTaskInstances: ({ cluster }) => cluster.reserveTaskInstances(),
    registerExecutionManager: ({ cluster }) => cluster.registerExecutionManager(manager, at(1)),
    requestDrain: ({ cluster }) => cluster.requestDrain(one(), at(1)),
    endExecutionManager: ({ cluster }) => cluster.endExecutionManager(one(), at(1), 'lost'),
    deleteEndedExecutionManagers: ({ cluster }) =>
      cluster.deleteEndedExecutionManagers(at(100), 10),
    deleteOldSessions: ({ cluster }) => cluster.deleteOldSessions(at(100), 10),
    registerScheduler: ({ cluster }) => cluster.registerScheduler('b', 2, at(1)),
  },
  resourceGroups: {
    insert: ({ resourceGroups }) => resourceGroups.insert('weekly', 'hash'),
  },
  tokenKeys: {
    replace: ({ tokenKeys }) => tokenKeys.replace(bytes, at(50), at(100)),
  },
};

/** They change nothing, and may be called by whoever wants to know. */
const READS: Record<Part, readonly string[]> = {
  jobs: [
    'findJob',
    'findJobByKey',
    'readBlob',
    'readBlobBytes',
    'readBlobPart',
    'listUnfinishedJobs',
    'listJobs',
    'listOldestJobs',
    'readJournal',
  ],
  cluster: [
    'findExecutionManager',
    'listExecutionManagers',
    'pageExecutionManagers',
    'listSchedulers',
  ],
  resourceGroups: ['find', 'findByExternalId'],
  tokenKeys: ['list'],
};

const PARTS = Object.keys(WRITES) as Part[];
const CALLS = PARTS.flatMap((part) =>
  Object.entries(WRITES[part]).map(([name, call]) => ({ name: `${part}.${name}`, call })),
);

/** Rows for every write to change. */
async function fill({ jobs, cluster, tokenKeys }: Store): Promise<void> {
  await jobs.commit({ ...EMPTY, submissions: [submission, submission], journal: [row(1)] });
  const ended = { ...change, jobId: toId<JobId>(2), deleteJournal: false };
  await jobs.commit({ ...EMPTY, changes: [ended] });
  await cluster.reserveTaskInstances();
  await cluster.registerExecutionManager(manager, at(1));
  const second = await cluster.registerExecutionManager(manager, at(1));
  await cluster.endExecutionManager(second, at(1), 'it has left');
  await cluster.registerScheduler('a', 1, at(1));
  await tokenKeys.replace(bytes, at(1), at(0));
}

async function dump(kysely: Kysely<Schema>): Promise<Record<string, unknown>> {
  const tables = await kysely.introspection.getTables();
  const content: Record<string, unknown> = {};
  for (const { name } of tables) {
    const { rows } = await sql`select * from ${sql.table(name)}`.execute(kysely);
    content[name] = rows.map((found) => JSON.stringify(found, toText)).toSorted();
  }
  return content;
}

const toText = (_key: string, value: unknown): unknown =>
  typeof value === 'bigint' ? String(value) : value;

function methodsOf(part: object): string[] {
  const prototype: object = Object.getPrototypeOf(part) as object;
  return Object.getOwnPropertyNames(prototype).filter((name) => name !== 'constructor');
}

/** That a storage whose place was taken changes nothing any more, by whatever it does. */
export function describeFencing(
  name: string,
  withDatabase: (run: (database: FencedDatabase) => Promise<void>) => Promise<void>,
): void {
  describe(`a session that was superseded on ${name}`, () => {
    test.each(CALLS)('changes no row by $name, and is told', ({ call }) =>
      withDatabase(async ({ open, kysely }) => {
        // A session before, for it to forget.
        await (await open())[Symbol.asyncDispose]();
        await using older = await open();
        await fill(older);
        await using newer = await open();
        const before = await dump(kysely);
        await expect(call(older)).rejects.toThrow(SupersededError);
        expect(await dump(kysely)).toEqual(before);
        expect(await older.superseded).toMatchObject({ code: 'unavailable' });
        // The active one may, and so it was not for want of something to change.
        await call(newer);
        expect(await dump(kysely)).not.toEqual(before);
      }),
    );

    test('still reads, which no method leaves open whether it does', () =>
      withDatabase(async ({ open }) => {
        await using older = await open();
        await fill(older);
        await using newer = await open();
        expect(newer.sessionId).toBeGreaterThan(older.sessionId);
        for (const part of PARTS) {
          const known = [...Object.keys(WRITES[part]), ...READS[part]];
          expect(methodsOf(older[part]).toSorted(), part).toEqual(known.toSorted());
        }
        expect(await older.jobs.readBlob(one(), BlobKind.Graph)).toBeDefined();
        expect(await older.cluster.listExecutionManagers()).toHaveLength(1);
      }));
  });
}
