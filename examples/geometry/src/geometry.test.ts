import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { float64 } from '@spider/tdl';
import { runCleanupTask, runCommitTask, runTask } from '@spider/tdl/testing';
import { expect, test } from 'vitest';
import { bounds, checkLengths, pathLength, readPath, scale, sweep } from './index.ts';

const triangle = [
  { x: 0, y: 0 },
  { x: 3, y: 0 },
  { x: 3, y: 4, label: 'top' },
];

test('the length of a path is that of its legs together', async () => {
  expect(await runTask(pathLength, triangle)).toBe(7);
  expect(await runTask(pathLength, [])).toBe(0);
});

test('the bounds of a path are its lowest and highest corner', async () => {
  expect(await runTask(bounds, triangle)).toEqual([
    { x: 0, y: 0 },
    { x: 3, y: 4 },
  ]);
});

test('an empty path has no bounds, however often one tries', async () => {
  const failed = runTask(bounds, []);
  await expect(failed).rejects.toThrow('an empty path has no bounds');
  await expect(failed).rejects.toMatchObject({ retry: false });
});

test('a path is scaled point by point, and keeps its labels', async () => {
  expect(await runTask(scale, triangle, 2)).toEqual([
    { x: 0, y: 0 },
    { x: 6, y: 0 },
    { x: 6, y: 8, label: 'top' },
  ]);
});

test('a path is read from a file', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'geometry-'));
  try {
    const file = join(folder, 'path.txt');
    await writeFile(file, '0 0\n3 4 top\n');
    expect(await runTask(readPath, file)).toEqual([
      { x: 0, y: 0 },
      { x: 3, y: 4, label: 'top' },
    ]);
  } finally {
    await rm(folder, { recursive: true });
  }
});

test('lengths are committed if they are numbers', async () => {
  await runCommitTask(checkLengths, [float64, float64], 7, 0);
  await expect(runCommitTask(checkLengths, [float64], Number.NaN)).rejects.toThrow(
    'length 0 is NaN',
  );
});

test('the sweeper leaves nothing of its job behind', async () => {
  await expect(runCleanupTask(sweep)).resolves.toBeUndefined();
});
