import { encodeTaskContext, formatLogMark, toId } from '@spider/core';
import { expect, test } from 'vitest';
import { TaskOutput } from './task-output.ts';

const contextOf = (taskIndex: number): Uint8Array =>
  encodeTaskContext({
    jobId: toId(1),
    taskIndex,
    taskInstanceId: toId(9),
    resourceGroupId: toId(1),
    outputs: undefined,
  });

const markOf = (taskIndex: number, isStderr = false): string =>
  `${formatLogMark('token', { jobId: '1', taskIndex, taskInstanceId: '9', isStderr })}\n`;
const END = `${formatLogMark('token', undefined)}\n`;

interface Trial {
  readonly output: TaskOutput;
  readonly print: (text: string, isStderr?: boolean) => void;
  readonly text: () => string;
}

function trial(maxBytes = 10): Trial {
  let written = '';
  const output = new TaskOutput(
    'token',
    maxBytes,
    (bytes) => (written += Buffer.from(bytes).toString()),
  );
  return {
    output,
    print: (text, isStderr = false) => output.print(Buffer.from(text), isStderr),
    text: () => written,
  };
}

test('whose lines are is said before the first of a task, and when it has ended', () => {
  const { output, print, text } = trial();
  print('nobody\n');
  output.begin(contextOf(1));
  print('a\n');
  print('b\n');
  output.end();
  print('nobody\n');
  expect(text()).toBe(`nobody\n${markOf(1)}a\nb\n${END}nobody\n`);
});

test('a task that prints nothing costs nothing', () => {
  const { output, print, text } = trial();
  for (let i = 0; i < 3; i += 1) {
    output.begin(contextOf(i));
    print('');
    output.end();
  }
  expect(text()).toBe('');
});

test('a line that was left open ends with its task', () => {
  const { output, print, text } = trial();
  output.begin(contextOf(1));
  print('open');
  output.begin(contextOf(2));
  print('next\n');
  output.end();
  expect(text()).toBe(`${markOf(1)}open\n${END}${markOf(2)}next\n${END}`);
});

test('what is beyond the bound is dropped, for this task alone', () => {
  const { output, print, text } = trial();
  output.begin(contextOf(1));
  print('12345678');
  print('9012345');
  output.end();
  output.begin(contextOf(2));
  print('ok\n');
  expect(text()).toBe(
    `${markOf(1)}1234567890\n[…5 bytes of output dropped]\n${END}${markOf(2)}ok\n`,
  );
});

test('a context that cannot be read leaves the lines to nobody', () => {
  const { output, print, text } = trial();
  output.begin(Uint8Array.of(0xc1));
  print('a\n');
  expect(text()).toBe(`${END}a\n`);
});

test('which stream lines are of is said where it changes, and ends a line that is open', () => {
  const { output, print, text } = trial(100);
  output.begin(contextOf(1));
  print('a', true);
  print('b\n', true);
  print('c');
  print('d\n', true);
  output.end();
  expect(text()).toBe(`${markOf(1, true)}ab\n${markOf(1)}c\n${markOf(1, true)}d\n${END}`);
});

test('turning from stream to stream counts as what is printed, and is not said of what is dropped', () => {
  const { output, print, text } = trial(markOf(1).length);
  output.begin(contextOf(1));
  print('a\n');
  print('b\n', true);
  print('c\n');
  output.end();
  expect(text()).toBe(`${markOf(1)}a\n${markOf(1, true)}[…4 bytes of output dropped]\n${END}`);
});
