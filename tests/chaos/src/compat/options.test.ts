import { expect, test } from 'vitest';
import { readCompatOptions } from './options.ts';

test('a commit and a time are taken; by default they are those of the help', () => {
  expect(readCompatOptions([])).toMatchObject({ timeoutSeconds: 60, keep: false });
  expect(readCompatOptions(['--commit', 'v1.2', '--timeout', '5', '--keep'])).toEqual({
    commit: 'v1.2',
    timeoutSeconds: 5,
    keep: true,
  });
  expect(readCompatOptions(['--help'])).toBeUndefined();
});

test.each([
  [['--commit=--upload-pack=x'], 'commit: expected a revision'],
  [['--commit', ''], 'commit: expected a revision'],
  [['--timeout', '0'], 'timeout: expected a whole number from 1'],
])('%j is refused', (args, message) => {
  expect(() => readCompatOptions(args)).toThrow(message);
});
