import { expect, test } from 'vitest';
import { formatLogMark, logMarkPrefix, parseLogMark } from './executor-logs.ts';

const TASK = { jobId: '18446744073709551615', taskIndex: 4_294_967_295, taskInstanceId: '7' };

test.each([false, true])('a mark says whose the next lines are, stderr: %s', (isStderr) => {
  const line = formatLogMark('token', { ...TASK, isStderr });
  expect(line.startsWith(logMarkPrefix('token'))).toBe(true);
  expect(parseLogMark(line.slice(logMarkPrefix('token').length))).toEqual({ ...TASK, isStderr });
});

test('or that they are nobody’s', () => {
  expect(formatLogMark('token', undefined)).toBe(logMarkPrefix('token'));
  for (const rest of ['', ' ', ' 1 2', ' 1 2 x', ' 1 2 3 4', ' -1 2 3']) {
    expect(parseLogMark(rest)).toBeUndefined();
  }
});
