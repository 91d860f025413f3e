import { expect, test } from 'vitest';
import { formatLogMark, logMarkPrefix, parseLogMark } from './executor-logs.ts';

const MARK = { jobId: '18446744073709551615', taskIndex: 4_294_967_295, taskInstanceId: '7' };

test('a mark says whose the next lines are', () => {
  const line = formatLogMark('token', MARK);
  expect(line.startsWith(logMarkPrefix('token'))).toBe(true);
  expect(parseLogMark(line.slice(logMarkPrefix('token').length))).toEqual(MARK);
});

test('or that they are nobody’s', () => {
  expect(formatLogMark('token', undefined)).toBe(logMarkPrefix('token'));
  for (const rest of ['', ' ', ' 1 2', ' 1 2 x', ' 1 2 3 4', ' -1 2 3']) {
    expect(parseLogMark(rest)).toBeUndefined();
  }
});
