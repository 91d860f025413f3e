import {
  encodeFrame,
  encodeTaskGraph,
  JobState,
  SpiderError,
  TaskOutcome,
  toId,
} from '@spider/core';
import type { JobId, TimestampMs } from '@spider/core';
import { ManualClock, RecordingLogger } from '@spider/runtime/testing';
import { describe, expect, test, vi } from 'vitest';
import type { JobStateChange, NewJob, Store } from '../src/db/job-store.ts';
import { encodeJournalRecords } from '../src/journal/journal-record.ts';
import { chain, withTermination } from '../src/testing/graphs.ts';
import { ScriptedExecutionManager } from '../src/testing/scripted-execution-manager.ts';
import { ScriptedScheduler } from '../src/testing/scripted-scheduler.ts';
import { TestStorage } from '../src/testing/test-storage.ts';
import { reportEvent, type TestReport } from './machine/job-driver.ts';

const AT = 1 as TimestampMs;
const GARBAGE = new Uint8Array(30).fill(9);

const chainJob: NewJob = {
  resourceGroupId: toId(0),
  idempotencyKey: undefined,
  state: JobState.Running,
  taskCount: 3,
  graph: encodeTaskGraph(chain(3)),
  inputs: encodeFrame([Uint8Array.of(1)]),
  submittedAt: AT,
};
const committing: NewJob = { ...chainJob, taskCount: 1, graph: encodeTaskGraph(withTermination()) };

/** What the journal says of attempts, as a row. */
const journal = (...reports: TestReport[]): Uint8Array =>
  encodeJournalRecords({
    type: 'journal',
    attempts: reportEvent(reports, 1),
    positions: reports.map((_, position) => position),
    malformed: new Map(),
  });

interface Damage {
  readonly job: NewJob;
  /** Rows of its journal, by their numbers. */
  readonly rows?: Readonly<Record<number, Uint8Array>>;
  /** A change of its state. */
  readonly change?: Pick<JobStateChange, 'to' | 'outputs'>;
}

const first = journal({ task: 0, instance: 1 });

/** Each way in which the rows of a job may contradict themselves, and what is said of it. */
const DAMAGES: readonly [what: string, damage: Damage, message: string][] = [
  ['a graph that is garbage', { job: { ...chainJob, graph: GARBAGE } }, 'graph'],
  ['inputs that are garbage', { job: { ...chainJob, inputs: GARBAGE } }, ''],
  [
    'inputs of another graph',
    { job: { ...chainJob, inputs: encodeFrame([]) } },
    'the task graph takes 1 inputs, not 0',
  ],
  ['a journal that is garbage', { job: chainJob, rows: { 1: GARBAGE } }, 'a block of version 9'],
  [
    'a journal that ends within a record',
    { job: chainJob, rows: { 1: first.subarray(0, first.length - 3) } },
    'it ends 3 bytes too early',
  ],
  [
    'a journal with a gap',
    { job: chainJob, rows: { 1: first, 3: journal({ task: 1, instance: 2 }) } },
    'row 2 of its journal is missing',
  ],
  [
    'a journal of a task that it does not have',
    { job: chainJob, rows: { 1: journal({ task: 7, instance: 1 }) } },
    'task 7: no such task',
  ],
  [
    'a journal with a child before its parent',
    { job: chainJob, rows: { 1: journal({ task: 1, instance: 1 }) } },
    'task 1: it ended before it could start',
  ],
  [
    'a journal with outputs that a task does not have',
    { job: chainJob, rows: { 1: journal({ task: 0, instance: 1, outputs: [] }) } },
    'the task returned 0 outputs, not 1',
  ],
  [
    'no outputs, although it commits',
    { job: committing, change: { to: JobState.CommitReady } },
    'lacks its outputs',
  ],
  [
    'outputs that are garbage',
    { job: committing, change: { to: JobState.CommitReady, outputs: GARBAGE } },
    '',
  ],
  [
    'no commit task, although it commits',
    { job: chainJob, change: { to: JobState.CommitReady, outputs: encodeFrame([]) } },
    '',
  ],
  [
    'no cleanup task, although it cleans up',
    { job: chainJob, change: { to: JobState.CleanupReady } },
    'cleans up without cleanup task',
  ],
  [
    'a journal that is garbage of the job that it retries',
    {
      job: {
        ...chainJob,
        state: JobState.Ready,
        retry: { retryOf: toId(1), journal: [GARBAGE], succeededTasks: 1 },
      },
    },
    'a block of version 9',
  ],
  [
    'a failure of the job that it retries',
    {
      job: {
        ...chainJob,
        state: JobState.Ready,
        retry: {
          retryOf: toId(1),
          journal: [journal({ task: 0, instance: 1, outcome: TaskOutcome.Failed })],
          succeededTasks: 0,
        },
      },
    },
    'it failed before its job had started',
  ],
];

async function submit({ jobs }: Store, job: NewJob): Promise<JobId> {
  const { submissions } = await jobs.commit({ submissions: [job], journal: [], changes: [] });
  const [result] = submissions;
  if (result?.kind !== 'job') throw new Error('the job was not taken');
  return result.job.id;
}

async function enter(store: Store, { job, rows = {}, change }: Damage): Promise<JobId> {
  const jobId = await submit(store, job);
  const journalRows = Object.entries(rows).map(([sequence, records]) => ({
    jobId,
    sequence: Number(sequence),
    records,
  }));
  const changes = change === undefined ? [] : [{ ...NO_COUNTS, jobId, from: job.state, ...change }];
  await store.jobs.commit({ submissions: [], journal: journalRows, changes });
  return jobId;
}

const NO_COUNTS = {
  at: AT,
  succeededTasks: 0,
  failedTasks: 0,
  skippedTasks: 0,
  failedAttempts: 0,
  deleteJournal: false,
};

/** What every database must do when what it has of jobs cannot be read back. */
export function describeQuarantine(
  name: string,
  withDatabase: (run: (open: () => Promise<Store>) => Promise<void>) => Promise<void>,
): void {
  test.each(DAMAGES)(
    `on ${name}, a job with %s fails, it alone and with the reason`,
    (_what, damage, message) =>
      withDatabase(async (open) => {
        const before = await open();
        const sound = await submit(before, chainJob);
        const damaged = await enter(before, damage);
        const later = await submit(before, chainJob);
        await before[Symbol.asyncDispose]();

        const store = await open();
        await using storage = await TestStorage.start({ store });
        const scheduler = await ScriptedScheduler.connect(storage.transport);
        scheduler.send({ credit: 100 });
        const tasks = await scheduler.take(2);
        expect(new Set(tasks.map(({ jobId }) => jobId))).toEqual(new Set([sound, later]));
        await storage.service.drain();
        const { status } = await storage.jobs.getJob({ jobId: damaged });
        expect(status?.state).toBe(JobState.Failed);
        expect(status?.errorMessage).toContain(message);
        const stored = await store.jobs.findJob(damaged);
        expect(stored?.state).toBe(JobState.Failed);
        expect(stored?.errorMessage).toBe(status?.errorMessage);
        await expect(storage.jobs.startJob({ jobId: damaged })).rejects.toThrow('is FAILED');

        const worker = await ScriptedExecutionManager.register(storage.transport);
        for (let task = 0; task < 3; task++) {
          const leased = await worker.lease([{ jobId: sound, taskIndex: task }]);
          await worker.flushed(worker.succeed(leased, [Uint8Array.of(1)]));
        }
        expect((await storage.jobs.getJob({ jobId: sound })).status?.state).toBe(
          JobState.Succeeded,
        );
      }),
  );

  describe(`recovery on ${name}`, () => {
    test('leaves nothing behind if it cannot go on', () =>
      withDatabase(async (open) => {
        const before = await open();
        for (let job = 0; job < 3; job++) await submit(before, chainJob);
        await enter(before, { job: chainJob, rows: { 1: GARBAGE } });
        await before[Symbol.asyncDispose]();

        const store = await open();
        const readBlob = store.jobs.readBlob.bind(store.jobs);
        vi.spyOn(store.jobs, 'readBlob').mockImplementation(async (id, kind) => {
          if (id === 3n) throw new Error('the table is gone');
          return await readBlob(id, kind);
        });
        const clock = new ManualClock();
        await expect(TestStorage.start({ store, clock })).rejects.toThrow('the table is gone');
        expect(clock.pendingTimers).toBe(0);
        await store[Symbol.asyncDispose]();
        // Nor has it changed anything that another start would miss.
        await using after = await TestStorage.start({ store: await open() });
        for (const jobId of [1n, 2n, 3n]) {
          expect((await after.jobs.getJob({ jobId })).status?.state).toBe(JobState.Running);
        }
      }));

    test('fails a job whose row is damaged', () =>
      withDatabase(async (open) => {
        const before = await open();
        const jobId = await submit(before, chainJob);
        await before[Symbol.asyncDispose]();

        const store = await open();
        const list = store.jobs.listUnfinishedJobs.bind(store.jobs);
        vi.spyOn(store.jobs, 'listUnfinishedJobs').mockImplementationOnce(async (after, limit) =>
          (await list(after, limit)).map((job) => ({ ...job, isDamaged: true })),
        );
        await using storage = await TestStorage.start({ store });
        const { status } = await storage.jobs.getJob({ jobId });
        expect(status?.errorMessage).toBe(
          'the job could not be read back after a start of storage: its labels, or what it requires, are no JSON',
        );
      }));

    test('waits for a database that is away', () =>
      withDatabase(async (open) => {
        const before = await open();
        const jobId = await submit(before, chainJob);
        await before[Symbol.asyncDispose]();

        const store = await open();
        const away = new SpiderError('unavailable', 'the database does not answer just now');
        for (const method of ['listUnfinishedJobs', 'readBlob', 'readJournal'] as const) {
          vi.spyOn(store.jobs, method).mockRejectedValueOnce(away);
        }
        const logger = new RecordingLogger();
        await using storage = await TestStorage.start({ store, logger });
        expect(logger.messages('warn')).toEqual(Array(3).fill('recovery waits for the database'));
        expect((await storage.jobs.getJob({ jobId })).status?.state).toBe(JobState.Running);
      }));
  });
}
