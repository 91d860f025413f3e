import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { repositoryPath, runProcess } from '../src/index.ts';

const SPIDER = repositoryPath('apps/cli/dist/main.js');
const CORPUS = process.env['SPIDER_DAG_CORPUS'];

async function expectTraceToRun(file: string, slots: number): Promise<void> {
  const args = ['trace', 'run', file, '--time-scale', '0.001', '--slots', String(slots)];
  const { code, stdout, stderr } = await runProcess([SPIDER, ...args]);
  expect(stdout, stderr).toMatch(
    /^trace: job \d+ SUCCEEDED: \d+ tasks of .+ ran once each and after their parents, makespan/,
  );
  expect(stdout).toMatch(/lower bound \d+\.\d{3} s on \d+ slots \(ratio \d+\.\d\d\)\n$/);
  expect(code).toBe(0);
}

describe('spider trace run', () => {
  it('runs a small trace, and finds that it ran as it should', async () => {
    await expectTraceToRun(repositoryPath('examples/traces/synthetic-mosaic.json'), 4);
  });

  it('says what is wrong with a file that is no trace', async () => {
    const { code, stdout, stderr } = await runProcess([
      SPIDER,
      'trace',
      'run',
      repositoryPath('package.json'),
    ]);
    expect(stderr).toBe('spider: workflow: expected an object; is this a WfFormat 1.5 trace?\n');
    expect(stdout).toBe('');
    expect(code).toBe(1);
  });

  it('says what is wrong with a file that is not there', async () => {
    const { code, stderr } = await runProcess([SPIDER, 'trace', 'run', 'nowhere.json']);
    expect(stderr).toBe("spider: ENOENT: no such file or directory, open 'nowhere.json'\n");
    expect(code).toBe(1);
  });
});

// The recorded workflows are no part of the repository: set SPIDER_DAG_CORPUS to a folder of them.
describe.skipIf(CORPUS === undefined)('spider trace run, on recorded workflows', () => {
  const files = CORPUS === undefined ? [] : readdirSync(CORPUS);
  it.each(files.filter((file) => file.endsWith('.json')))('runs %s', async (file) => {
    await expectTraceToRun(join(CORPUS ?? '', file), 16);
  });
});
