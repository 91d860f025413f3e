import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';

import { describe, expect, test } from 'vitest';

import { CHECKERS } from './checkers/checkers.ts';
import { PLANTED_BUGS, type PlantedBug } from './planted-bugs.ts';

const built = (name: string): string =>
  fileURLToPath(new URL(`../dist/${name}.js`, import.meta.url));

/** Runs up to 100 seeds of the build with a bug in it, until it is caught. Answers what is printed. */
function simulate(bug: string, { checker, from = 1 }: PlantedBug): Promise<string> {
  const { promise, resolve } = Promise.withResolvers<string>();
  execFile(
    process.execPath,
    [
      '--import',
      built('plant-bug'),
      built('main'),
      '--no-shrink',
      '--workers=1',
      ...(checker === 'same-seed-same-run' ? [] : ['--once']),
      `--from=${from}`,
      '--until',
      checker,
    ],
    { env: { ...process.env, SPIDER_PLANTED_BUG: bug }, maxBuffer: 64 * 1024 * 1024 },
    (_error, stdout, stderr) => resolve(stdout + stderr),
  );
  return promise;
}

test('every promise has a bug that breaks it', () => {
  const caught = new Set(Object.values(PLANTED_BUGS).map(({ checker }) => checker));
  expect(CHECKERS.map(({ name }) => name).filter((name) => !caught.has(name))).toEqual([]);
});

describe('within 100 seeds it is caught that', { timeout: 120_000 }, () => {
  test.each(Object.entries(PLANTED_BUGS))('%s', async (name, bug) => {
    expect(await simulate(name, bug)).toContain(`  ${bug.checker}: `);
  });
});
