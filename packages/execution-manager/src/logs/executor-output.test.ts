import { formatLogMark } from '@spider/core';
import { ManualClock } from '@spider/runtime/testing';
import { expect, test } from 'vitest';
import { ExecutorOutput } from './executor-output.ts';
import type { LogEntry } from './log-entry.ts';

const TOKEN = 'secret';
const TASK = { jobId: '1', taskIndex: 2, taskInstanceId: '3', isStderr: false };
const BEGIN = formatLogMark(TOKEN, TASK);
const END = formatLogMark(TOKEN, undefined);
const MIB = 1024 * 1024;

class Trial {
  readonly clock = new ManualClock();
  readonly entries: LogEntry[] = [];
  readonly output = new ExecutorOutput({
    clock: this.clock,
    token: TOKEN,
    maxLineBytes: 1_000,
    maxTaskBytes: 20,
    take: (entries) => this.entries.push(...entries),
  });
  readonly #stream = this.output.stream();

  print(...lines: readonly string[]): void {
    this.#stream.push(Buffer.from(`${lines.join('\n')}\n`));
  }

  /** Each line with the index of its task. */
  get lines(): (readonly [number | undefined, string])[] {
    return this.entries.map(({ task, text }) => [task?.taskIndex, text] as const);
  }
}

test('lines between two marks are a task’s, others are nobody’s', () => {
  const trial = new Trial();
  trial.print('before', BEGIN, 'one', 'two', END, 'after');
  expect(trial.lines).toEqual([
    [undefined, 'before'],
    [2, 'one'],
    [2, 'two'],
    [undefined, 'after'],
  ]);
  expect(trial.entries[1]?.task).toEqual(TASK);
});

test('a mark without the token is a line like any other', () => {
  const trial = new Trial();
  const forged = formatLogMark('guessed', TASK);
  trial.print(forged, 'mine');
  expect(trial.lines).toEqual([
    [undefined, forged],
    [undefined, 'mine'],
  ]);
});

test('what a task prints beyond its bound is dropped, and it is said how much', () => {
  const trial = new Trial();
  const next = formatLogMark(TOKEN, { ...TASK, taskInstanceId: '4' });
  trial.print(BEGIN, '123456789', '123456789', 'too much', 'and more', next, 'again');
  expect(trial.lines).toEqual([
    [2, '123456789'],
    [2, '123456789'],
    [2, '[…18 bytes of output dropped]'],
    [2, 'again'],
  ]);
});

test('what nobody has printed may be only so much at a time', async () => {
  const trial = new Trial();
  const line = 'x'.repeat(999);
  for (let i = 0; i < 6 * 1049; i += 1) trial.print(line);
  const bytes = (): number => trial.entries.reduce((sum, { text }) => sum + text.length + 1, 0);
  expect(bytes()).toBeLessThanOrEqual(4 * MIB);
  expect(bytes()).toBeGreaterThan(3.9 * MIB);
  trial.clock.advance(1_000);
  trial.print(line);
  expect(trial.entries.at(-1)?.text).toBe(line);
  trial.output.end();
  expect(trial.entries.at(-1)?.text).toMatch(/bytes of output dropped/);
});

test('Node’s last words are heard', () => {
  const trial = new Trial();
  trial.print('FATAL ERROR: something else');
  expect(trial.output.isOutOfMemory).toBe(false);
  trial.print(BEGIN, 'x'.repeat(19), 'FATAL ERROR: Reached heap limit');
  expect(trial.output.isOutOfMemory).toBe(true);
});

test('a task that turns to its other stream has no more room for that', () => {
  const trial = new Trial();
  const onStderr = formatLogMark(TOKEN, { ...TASK, isStderr: true });
  trial.print(BEGIN, '12345678', onStderr, '12345678', BEGIN, '12345678', END);
  expect(trial.entries.map(({ task, text }) => [task?.isStderr, text])).toEqual([
    [false, '12345678'],
    [true, '12345678'],
    [false, '[…9 bytes of output dropped]'],
  ]);
});

test('what goes around an executor to stdout is of stdout, whatever was printed last', () => {
  const trial = new Trial();
  trial.print(formatLogMark(TOKEN, { ...TASK, isStderr: true }), 'one');
  trial.output.stream(true).push(Buffer.from('two\n'));
  expect(trial.entries.map(({ task, text }) => [task?.isStderr, text])).toEqual([
    [true, 'one'],
    [false, 'two'],
  ]);
});
