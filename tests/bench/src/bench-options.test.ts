import { expect, it } from 'vitest';
import { parseBenchOptions } from './bench-options.ts';

it('takes five runs on two slots unless told otherwise', () => {
  expect(parseBenchOptions(['flat', 'chain'])).toEqual({
    suites: ['flat', 'chain'],
    json: false,
    runs: 5,
    slots: 2,
    executors: undefined,
    durability: undefined,
    database: 'sqlite',
    profileDir: undefined,
    record: false,
  });
});

it('asks for help without a suite', () => {
  expect(parseBenchOptions([])).toBeUndefined();
  expect(parseBenchOptions(['flat', '--help'])).toBeUndefined();
});

it.each([
  [['--runs', '0'], '--runs: expected a whole number from 1 to 1000, got 0'],
  [['--slots', 'two'], '--slots: expected a whole number from 1 to 64, got two'],
  [['guard'], 'guard runs alone, without other suites'],
  [['--record'], '--record is for guard alone'],
  [['--db', 'postgres'], '--db: expected sqlite, mariadb, got postgres'],
  [['--executors', 'fibre'], '--executors: expected process, thread, got fibre'],
  [['--durability', 'none'], '--durability: expected job, task, sync, got none'],
])('names the argument that is wrong: %j', (args, message) => {
  expect(() => parseBenchOptions(['flat', ...args])).toThrow(message);
});

it('does not take guard and peers with threads: what they are compared with are processes', () => {
  expect(parseBenchOptions(['grain', '--executors', 'thread'])?.executors).toBe('thread');
  expect(() => parseBenchOptions(['guard', '--executors', 'thread'])).toThrow(
    'guard is about executor processes, without --executors',
  );
});
