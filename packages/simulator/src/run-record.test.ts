import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { expect, onTestFinished, test } from 'vitest';

import { addRecord, nextSeed } from './run-record.ts';

test('a long run goes on after the last seed that was recorded', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'spider-sim-'));
  onTestFinished(() => rm(folder, { recursive: true }));
  const file = join(folder, 'runs.jsonl');
  expect(nextSeed(file, 100)).toBe(100);
  const rest = { failures: [], seedsPerSecond: 5, commit: '', at: '' };
  addRecord(file, { from: 100, seeds: 50, ...rest });
  addRecord(file, { from: 150, seeds: 25, ...rest });
  expect(nextSeed(file, 100)).toBe(175);
  expect(nextSeed(file, 1_000)).toBe(1_000);
});
