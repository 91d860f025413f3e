import { create } from '@bufbuild/protobuf';
import { LIMITS } from '@spider/core';
import { type TaskLogPiece, TaskLogReadSchema } from '@spider/proto';
import { ManualClock, RecordingLogger } from '@spider/runtime/testing';
import { beforeEach, describe, expect, onTestFinished, test } from 'vitest';
import { Changes } from '../testing/changes.ts';
import { TemporaryDirectory } from '../testing/temporary-directory.ts';
import { TaskLogReads } from './task-log-reads.ts';
import { TaskLogStore } from './task-log-store.ts';

let store: TaskLogStore;
let reads: TaskLogReads;
let pieces: TaskLogPiece[];
let changes: Changes;

beforeEach(async () => {
  const directory = new TemporaryDirectory();
  store = await TaskLogStore.open({
    directory: directory.at('logs'),
    maxBytes: 100_000_000,
    retentionMs: 1_000_000,
    clock: new ManualClock(),
    logger: new RecordingLogger(),
  });
  onTestFinished(async () => {
    await store[Symbol.asyncDispose]();
    directory[Symbol.dispose]();
  });
  pieces = [];
  changes = new Changes();
  reads = newReads(store);
});

function newReads(source: TaskLogStore | undefined): TaskLogReads {
  return new TaskLogReads(source, (piece) => {
    pieces.push(piece);
    changes.notify();
  });
}

/** Task 7 of job 1 prints. */
function print(taskInstanceId: string, ...texts: readonly string[]): void {
  const task = { jobId: '1', taskIndex: 7, taskInstanceId, isStderr: true };
  store.write(texts.map((text) => ({ timeMs: 5, task, text })));
}

interface Read {
  readonly read?: number;
  readonly taskInstanceId?: bigint;
  readonly offset?: bigint;
  readonly follow?: boolean;
  readonly search?: boolean;
  readonly credit?: number;
  readonly jobId?: bigint;
}

function begin({ read = 1, credit = 4, ...query }: Read): void {
  const whole = { jobId: 1n, taskIndex: 7, ...query };
  reads.take(create(TaskLogReadSchema, { read, query: whole, credit }));
}

const goOn = (message: { credit?: number; finish?: boolean; cancel?: boolean }): void =>
  reads.take(create(TaskLogReadSchema, { read: 1, ...message }));
const texts = (): string[] => pieces.flatMap(({ lines }) => lines.map(({ text }) => text));
const ended = (): Promise<void> => changes.until(() => pieces.at(-1)?.end === true);

describe('what storage reads of a task log', () => {
  test('are the lines of one instance, after a piece that says whose they are', async () => {
    print('9', 'one');
    print('10', 'another one’s');
    print('9', 'two');
    begin({ taskInstanceId: 9n });
    await ended();
    expect(texts()).toEqual(['one', 'two']);
    expect(pieces[0]).toMatchObject({ read: 1, taskInstanceId: 9n, lines: [], end: false });
    expect(pieces[1]?.lines[0]).toMatchObject({ timeMs: 5n, isRemark: false, isStderr: true });
    expect(reads.size).toBe(0);
  });

  test('goes on after the offset that an earlier read has answered', async () => {
    print('9', 'one');
    begin({ taskInstanceId: 9n });
    await ended();
    print('9', 'two');
    const offset = pieces.at(-1)?.nextOffset ?? 0n;
    begin({ read: 2, taskInstanceId: 9n, offset });
    await changes.until(() => pieces.filter(({ end }) => end).length === 2);
    expect(texts()).toEqual(['one', 'two']);
  });

  test('comes in pieces of bounded size, no more of them than there is credit for', async () => {
    const long = 'x'.repeat(400_000);
    print('9', ...Array.from({ length: 6 }, () => long));
    begin({ taskInstanceId: 9n, credit: 2 });
    await changes.until(() => texts().length === 4);
    // Whatever else it would send comes before the answer to another read.
    begin({ read: 2, taskInstanceId: 9n, search: true, credit: 0 });
    await changes.until(() => pieces.some(({ read }) => read === 2));
    expect(texts()).toHaveLength(4);
    expect(pieces.map(({ lines }) => lines.length)).toEqual([0, 2, 2, 0]);
    goOn({ credit: 1 });
    await ended();
    expect(texts()).toHaveLength(6);
  });

  test('is cut where a line is longer than a piece', async () => {
    print('9', 'y'.repeat(LIMITS.taskLogPieceBytes + 10));
    begin({ taskInstanceId: 9n });
    await ended();
    expect(texts()[0]).toMatch(/^y+ \[…74 bytes cut\]$/);
    expect(Buffer.byteLength(texts()[0] ?? '')).toBeLessThan(LIMITS.taskLogPieceBytes);
  });

  test('follows a task that runs, line by line, until it is finished', async () => {
    print('9', 'begins');
    begin({ taskInstanceId: 9n, follow: true });
    await changes.until(() => texts().length === 1);
    print('9', 'goes on');
    await changes.until(() => texts().length === 2);
    expect(pieces.at(-1)?.end).toBe(false);
    print('9', 'ends');
    goOn({ finish: true });
    await ended();
    expect(texts()).toEqual(['begins', 'goes on', 'ends']);
  });

  test('may be nothing yet, and nothing after all', async () => {
    begin({ taskInstanceId: 9n, follow: true });
    await changes.until(() => pieces.length === 1);
    goOn({ finish: true });
    await ended();
    expect(texts()).toEqual([]);
  });

  test('has the remarks on what is missing', async () => {
    store = await TaskLogStore.open({
      directory: `${store.directory}-small`,
      maxBytes: 400,
      retentionMs: 1_000_000,
      clock: new ManualClock(),
      logger: new RecordingLogger(),
    });
    reads = newReads(store);
    print('9', 'x'.repeat(200));
    await store.settled();
    print('9', 'too much');
    begin({ taskInstanceId: 9n });
    await ended();
    expect(pieces[1]?.lines.map(({ isRemark }) => isRemark)).toEqual([false, true]);
  });
});

describe('one that is to look', () => {
  test('tells of the newest instance, or of the one that is asked for', async () => {
    print('9', 'old');
    print('4294967299', 'new');
    begin({ search: true });
    await ended();
    expect(pieces[0]?.taskInstanceId).toBe(4294967299n);
    expect(texts()).toEqual(['new']);
    begin({ read: 2, search: true, taskInstanceId: 9n });
    await changes.until(() => pieces.filter(({ end }) => end).length === 2);
    expect(texts()).toEqual(['new', 'old']);
  });

  test.each([
    ['of the job', { jobId: 2n }],
    ['of the instance', { taskInstanceId: 8n }],
  ])('says so when it has nothing %s', async (_, query) => {
    print('9', 'line');
    begin({ search: true, ...query });
    await ended();
    expect(pieces).toMatchObject([{ taskInstanceId: 0n, lines: [], error: '' }]);
  });
});

describe('a read is not answered', () => {
  test('where no logs are kept', () => {
    reads = newReads(undefined);
    begin({ taskInstanceId: 9n });
    const error = 'it keeps no task logs: its configuration has no logs.dir';
    expect(pieces).toMatchObject([{ read: 1, end: true, error }]);
  });

  test('beside too many others', async () => {
    const most = LIMITS.taskLogReadsPerExecutionManager;
    for (let read = 1; read <= most; read++) begin({ read, taskInstanceId: 9n, follow: true });
    begin({ read: most + 1, taskInstanceId: 9n });
    expect(pieces.at(-1)).toMatchObject({
      end: true,
      error: expect.stringContaining('64 reads') as string,
    });
    reads.endAll();
    expect(reads.size).toBe(0);
  });

  test('any more when it is cancelled', async () => {
    begin({ taskInstanceId: 9n, follow: true });
    await changes.until(() => pieces.length === 1);
    goOn({ cancel: true });
    print('9', 'unheard');
    await store.settled();
    expect(reads.size).toBe(0);
    expect(texts()).toEqual([]);
  });
});
