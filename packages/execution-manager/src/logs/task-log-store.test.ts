import { readdirSync, writeFileSync } from 'node:fs';
import { PassThrough, Writable } from 'node:stream';
import { ManualClock, RecordingLogger } from '@spider/runtime/testing';
import { expect, onTestFinished, test } from 'vitest';
import { TemporaryDirectory } from '../testing/temporary-directory.ts';
import { bothSinks, forwardingSink } from './forwarding-sink.ts';
import type { LogEntry } from './log-entry.ts';
import { readTaskLog } from './read-task-log.ts';
import { TaskLogStore } from './task-log-store.ts';

const HOUR_MS = 3_600_000;

class Trial {
  readonly clock = new ManualClock();
  readonly logger = new RecordingLogger();
  readonly directory = new TemporaryDirectory();

  constructor() {
    onTestFinished(() => this.directory[Symbol.dispose]());
  }

  open(maxBytes = 1_000_000): Promise<TaskLogStore> {
    const { clock, logger } = this;
    const directory = this.directory.at('logs');
    return TaskLogStore.open({ directory, maxBytes, retentionMs: HOUR_MS, clock, logger });
  }

  entry(jobId: string, taskIndex: number, text: string, isStderr = false): LogEntry {
    const task = { jobId, taskIndex, taskInstanceId: '9', isStderr };
    return { timeMs: this.clock.now(), task, text };
  }

  async texts(jobId: string, taskIndex?: number, linesMax?: number): Promise<string[]> {
    const lines = await readTaskLog({
      directory: this.directory.at('logs'),
      jobId,
      ...(taskIndex !== undefined && { taskIndex }),
      ...(linesMax !== undefined && { linesMax }),
    });
    return lines.map(({ text }) => text);
  }

  get files(): string[] {
    return readdirSync(this.directory.at('logs')).sort();
  }
}

test('the lines of a task are found again, in order', async () => {
  const trial = new Trial();
  {
    await using store = await trial.open();
    store.write([trial.entry('1', 0, 'a'), trial.entry('1', 1, 'b'), trial.entry('2', 0, 'c')]);
    store.write([trial.entry('1', 0, 'd "quoted"\u2028')]);
    store.write([{ timeMs: 0, task: undefined, text: 'nobody’s' }]);
    await store.flush();
    expect(await trial.texts('1', 0)).toEqual(['a', 'd "quoted"\u2028']);
  }
  await using store = await trial.open();
  store.write([trial.entry('1', 0, 'after a restart')]);
  await store.flush();
  expect(await trial.texts('1')).toEqual(['a', 'b', 'd "quoted"\u2028', 'after a restart']);
  expect(await trial.texts('1', undefined, 2)).toEqual(['d "quoted"\u2028', 'after a restart']);
  expect(await trial.texts('2')).toEqual(['c']);
  expect(await trial.texts('3')).toEqual([]);
  await expect(trial.texts('../1')).rejects.toThrow('jobId is "../1": no number');
  const [first] = await readTaskLog({ directory: trial.directory.at('logs'), jobId: '2' });
  expect(first).toEqual({
    timeMs: trial.clock.now(),
    taskIndex: 0,
    taskInstanceId: '9',
    isStderr: false,
    text: 'c',
  });
});

test('logs go when they are old', async () => {
  const trial = new Trial();
  await using store = await trial.open();
  store.write([trial.entry('1', 0, 'old')]);
  await store.flush();
  trial.clock.advance(HOUR_MS / 2);
  store.write([trial.entry('2', 0, 'young')]);
  await store.flush();
  trial.clock.advance(HOUR_MS / 2 + 10);
  await expect.poll(() => trial.files).toEqual(['2.jsonl']);
});

test('when there is too much the oldest go', async () => {
  const trial = new Trial();
  await using store = await trial.open(10_000);
  for (let job = 1; job <= 6; job += 1) {
    store.write([trial.entry(String(job), 0, 'x'.repeat(2_000))]);
    await store.flush();
    trial.clock.advance(1);
  }
  expect(trial.files).toEqual(['3.jsonl', '4.jsonl', '5.jsonl', '6.jsonl']);
});

test('one job may have a quarter, and is told when it has', async () => {
  const trial = new Trial();
  await using store = await trial.open(10_000);
  for (let i = 0; i < 5; i += 1) {
    store.write([trial.entry('1', 0, 'x'.repeat(1_500))]);
    await store.flush();
  }
  const texts = await trial.texts('1');
  expect(texts).toHaveLength(3);
  expect(texts.at(-1)).toContain('no more is kept of this job');
});

test('a burst that cannot be written in time is cut, and it is said how much is missing', async () => {
  const trial = new Trial();
  await using store = await trial.open(1_000_000_000);
  for (let i = 0; i < 100; i += 1) store.write([trial.entry('1', i, 'x'.repeat(100_000))]);
  await store.flush();
  store.write([trial.entry('1', 0, 'next')]);
  await store.flush();
  const texts = await trial.texts('1');
  expect(texts.length).toBeLessThan(100);
  expect(texts.some((text) => /^\[…\d+ bytes of output dropped\]$/.test(text))).toBe(true);
  expect(texts).toContain('next');
});

test('a place that cannot be written stops nothing', async () => {
  const trial = new Trial();
  await using store = await trial.open();
  trial.directory[Symbol.dispose]();
  writeFileSync(trial.directory.path, 'in the way');
  store.write([trial.entry('1', 0, 'a')]);
  await store.flush();
  store.write([trial.entry('1', 0, 'b')]);
  await store.flush();
  const complaints = trial.logger.lines.filter(({ level }) => level === 'error');
  expect(complaints.map(({ message }) => message)).toEqual(['the logs of tasks are not kept']);
});

test('a line of a task is forwarded as JSON that names the task, others as they are', async () => {
  const trial = new Trial();
  const destination = new PassThrough({ highWaterMark: 10 });
  const kept: LogEntry[] = [];
  const sink = bothSinks(forwardingSink(destination), {
    write: (entries) => kept.push(...entries) > 0,
    onDrain: () => undefined,
  });
  const structured = '{"level":"warn","msg":"mine"}';
  const isWelcome = sink.write([
    trial.entry('1', 2, 'plain'),
    trial.entry('1', 2, structured),
    { timeMs: 0, task: undefined, text: 'raw' },
  ]);
  expect(isWelcome).toBe(false);
  const { promise, resolve } = Promise.withResolvers<void>();
  sink.onDrain(resolve);
  const [first = '', ...rest] = String(destination.read()).split('\n');
  expect(JSON.parse(first)).toEqual({
    level: 'info',
    time: new Date(trial.clock.now()).toISOString(),
    name: 'task',
    jobId: '1',
    taskIndex: 2,
    taskInstanceId: '9',
    stream: 'stdout',
    msg: 'plain',
  });
  expect(rest).toEqual([structured, 'raw', '']);
  await promise;
  expect(kept).toHaveLength(3);
});

test('where nobody reads what is forwarded, lines are dropped and nothing waits', async () => {
  const trial = new Trial();
  const destination = new Writable({
    highWaterMark: 1,
    write: (_chunk, _encoding, done) => done(new Error('write EPIPE')),
  });
  const sink = forwardingSink(destination);
  expect(sink.write([trial.entry('1', 2, 'to nobody')])).toBe(false);
  const { promise, resolve } = Promise.withResolvers<void>();
  sink.onDrain(resolve);
  await promise;
  expect(sink.write([trial.entry('1', 2, 'any more')])).toBe(true);
});

test('which stream a line was written to is kept, and forwarded', async () => {
  const trial = new Trial();
  const entries = [trial.entry('1', 2, 'out'), trial.entry('1', 2, 'err', true)];
  await using store = await trial.open();
  store.write(entries);
  await store.flush();
  const lines = await readTaskLog({ directory: trial.directory.at('logs'), jobId: '1' });
  expect(lines.map(({ text, isStderr }) => [text, isStderr])).toEqual([
    ['out', false],
    ['err', true],
  ]);
  const destination = new PassThrough();
  forwardingSink(destination).write(entries);
  const forwarded = String(destination.read()).trim().split('\n');
  expect(forwarded.map((line) => (JSON.parse(line) as { stream: string }).stream)).toEqual([
    'stdout',
    'stderr',
  ]);
});
