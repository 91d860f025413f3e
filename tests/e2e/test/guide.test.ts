import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { survey } from '@spider/example-geometry/survey';
import { startLocalCluster } from '@spider/local-cluster';
import { expect, it } from 'vitest';
import { repositoryPath } from '../src/index.ts';

it('the task package of the guide runs, and its jobs give what they should', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'spider-guide-'));
  try {
    const file = join(directory, 'path.txt');
    await writeFile(file, '0 0 start\n3 4\n');
    await using cluster = await startLocalCluster({
      directory,
      packageDir: repositoryPath('examples'),
      executionManagers: 1,
      slots: 2,
      embeddedScheduler: true,
      config: { executionManager: { task_executor: { guard_rail: { read: [directory] } } } },
    });
    const path = [
      { x: 1, y: 2 },
      { x: 4, y: 6, label: 'end' },
    ];
    expect(await survey(cluster.storageUrl, file, path)).toEqual({
      lengths: [5_000, 5],
      corners: [{ x: 1, y: 2 }, { x: 4, y: 6 }, 5],
      measured: 5,
    });
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
});
