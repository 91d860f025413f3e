import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { defineJob, externalTask, float64 } from '@spider/client';
import { type TaskGraph, writeTaskGraphJson } from '@spider/core';
import { type FinishedProcess, repositoryPath, runProcess } from '@spider/e2e';
import { add, squareRoot } from '@spider/example-hello';
import { type LocalCluster, startLocalCluster } from '@spider/local-cluster';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

const CLI = repositoryPath('apps/cli/dist/main.js');
const ofSquares = defineJob([float64, float64], (graph, x, y) => [
  graph.task(squareRoot, graph.task(add, x, y)),
]);
const MODULE = repositoryPath('tests/e2e/test/jobs/hypotenuse.ts');

let directory: string;
let cluster: LocalCluster;

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'spider-cli-'));
  cluster = await startLocalCluster({
    directory,
    packageDir: repositoryPath('examples'),
    slots: 1,
  });
}, 60_000);

afterAll(async () => {
  await cluster.stop();
  await rm(directory, { recursive: true });
});

const spider = (...args: readonly string[]): Promise<FinishedProcess> =>
  runProcess([CLI, ...args], { env: { SPIDER_ENDPOINT: cluster.storageUrl } });

async function said(...args: readonly string[]): Promise<string> {
  const { code, stdout, stderr } = await spider(...args);
  expect({ code, stderr }).toEqual({ code: 0, stderr: expect.any(String) as string });
  return stdout.trimEnd();
}

async function graphFile(name: string, graph: TaskGraph): Promise<string> {
  const path = join(directory, `${name}.json`);
  await writeFile(path, writeTaskGraphJson(graph));
  return path;
}

describe('the command line', () => {
  it('runs a task graph in JSON, and prints what comes out', async () => {
    const file = await graphFile('hypotenuse', ofSquares.graph);
    expect(await said('run', file, '--input', '144', '--input', '25', '--name', 'from-json')).toBe(
      '13',
    );
    expect(await said('graph', file)).toBe(
      '2 tasks, 1 edges, 2 layers\n   0  hello/math::add\n   1  hello/math::square_root',
    );
  });

  it('runs the job of a module, with its own inputs or others', async () => {
    expect(await said('run', MODULE)).toBe('25\n5');
    expect(await said('run', MODULE, '-i', '1', '-i', '0', '--json')).toBe('[1,1]');
  });

  it('submits, shows, starts, lists and deletes a job', async () => {
    const id = await said('submit', MODULE, '--name', 'by-hand', '--label', 'team=vision');
    expect(await said('job', id)).toMatch(
      new RegExp(`^job +${id} \\(by-hand\\)\\nstate +READY\\ntasks +2: 1 pending, 1 ready\\n`),
    );
    const early = await spider('outputs', id);
    expect(early.code).toBe(1);
    expect(early.stderr).toBe(
      `spider: job ${id} is READY: outputs are there when it has succeeded\n`,
    );
    expect(await said('start', id)).toBe(`job ${id} is RUNNING`);
    expect(await said('job', id, '--wait', '--json')).toContain('"state":"SUCCEEDED"');
    expect(await said('outputs', id)).toBe('25\n5');
    const listed = await said('jobs', '--label', 'team=vision', '--state', 'succeeded', '--json');
    expect(JSON.parse(listed)).toMatchObject({ jobId: id, name: 'by-hand', succeededTasks: 2 });
    expect(await said('jobs', '--name', 'by-')).toMatch(
      /^ *JOB +NAME +STATE.*\n +\d+ +by-hand +SUCCEEDED/,
    );
    expect(await said('delete', id)).toBe(`job ${id} is deleted`);
    expect(await said('jobs', '--name', 'by-')).toBe('no jobs');
  });

  it('cancels a job, and remembers why', async () => {
    const id = await said('submit', MODULE);
    expect(await said('cancel', id, '--reason', 'wrong data')).toBe(`job ${id} is CANCELLED`);
    expect(await said('job', id)).toContain('wrong data');
    const again = await spider('start', id);
    expect(again.code).toBe(1);
    expect(again.stderr).toContain('CANCELLED');
  });

  it('says why a job failed, which task it was, and how to go on', async () => {
    const absent = externalTask({
      packageName: 'nowhere',
      functionName: 'f',
      inputs: [float64],
      outputs: [float64],
    });
    const job = defineJob([float64], (graph, x) => [graph.task(absent, x)]);
    const file = await graphFile('failing', job.graph);
    const { code, stdout, stderr } = await spider('run', file, '-i', '1');
    expect(code).toBe(1);
    expect(stdout).toBe('');
    expect(stderr).toMatch(/^job \d+\n/);
    expect(stderr).toContain('nowhere');
    const [, id = ''] = /^job (\d+)/.exec(stderr) ?? [];
    expect(await said('tasks', id, '--state', 'failed')).toMatch(/\n +0 +nowhere\/f +FAILED +1 /);
    expect(await said('retry', id)).toMatch(/^job \d+ goes on with it$/);
  });

  it('shows the processes and what waits for them', async () => {
    expect(await said('workers')).toMatch(/^WORKER .*\n +1 .* alive +1 /);
    expect(await said('queues')).toMatch(/^TASKS +READY +ON THE WAY\nregular/);
    const server = JSON.parse(await said('servers', '--json')) as object;
    expect(server).toMatchObject({ role: 'active', databaseEngine: 'sqlite' });
  });

  it.each([
    [['job', 'first'], /must be the id of a job/],
    [['jobs', '--state', 'lost'], /must be one of READY, RUNNING/],
    [['run', MODULE, '--input', '{'], /must be JSON/],
    [['jobs', '--endpoint', 'here'], /"here" is no URL/],
    [['jbos'], /Did you mean jobs/],
  ])('explains a wrong command line: %j', async (args, message) => {
    const { code, stderr } = await spider(...args);
    expect(code).toBe(2);
    expect(stderr).toMatch(message);
  });
});
