import { toBinary } from '@bufbuild/protobuf';
import { Code } from '@connectrpc/connect';
import { encodeFrame, JobState, LIMITS } from '@spider/core';
import { ListJobsResponseSchema, toWireJobState } from '@spider/proto';
import type { ListJobsRequest } from '@spider/proto';
import { describe, expect, test } from 'vitest';
import { chain, encoded, flat } from '../testing/graphs.ts';
import { ScriptedExecutionManager } from '../testing/scripted-execution-manager.ts';
import { TestStorage } from '../testing/test-storage.ts';

const INPUTS = encodeFrame([new Uint8Array([7])]);
const refusedWith = (code: Code, text: string): unknown =>
  expect.objectContaining({ code, message: expect.stringContaining(text) as string });

const submission = { taskGraph: encoded(chain(1)), inputs: INPUTS };

describe('name, labels and priority', () => {
  test('come back with the status, from memory and from the database', async () => {
    await using storage = await TestStorage.start();
    const metadata = { name: 'nightly', labels: { team: 'vision', tier: '' }, priority: -7 };
    const { jobId } = await storage.jobs.submitJob({ ...submission, ...metadata });
    const { status } = await storage.jobs.getJob({ jobId });
    expect(status).toMatchObject(metadata);
    expect((await storage.jobs.listJobs({})).jobs).toEqual([status]);
  });

  test('are refused beyond their limits, with the field and the limit', async () => {
    await using storage = await TestStorage.start();
    const refuse = async (more: object, text: string): Promise<void> => {
      await expect(storage.jobs.submitJob({ ...submission, ...more })).rejects.toEqual(
        refusedWith(Code.InvalidArgument, text),
      );
    };
    await refuse({ name: '\u00fc'.repeat(129) }, 'name: 258 bytes are more than 256');
    await refuse({ labels: { '': 'x' } }, 'labels: a key is empty');
    await refuse({ labels: { ['k'.repeat(65)]: '' } }, 'labels: key: 65 bytes are more than 64');
    await refuse({ labels: { k: 'v'.repeat(257) } }, 'labels["k"]: 257 bytes are more than 256');
    const many = Object.fromEntries(Array.from({ length: 65 }, (_, i) => [`k${i}`, '']));
    await refuse({ labels: many }, 'labels: 65 are more than 64');
    expect((await storage.jobs.listJobs({})).jobs).toEqual([]);
  });
});

describe('a list of jobs', () => {
  test('never fills more than a message, whatever they are called', async () => {
    await using storage = await TestStorage.start();
    const labels = Object.fromEntries(
      Array.from({ length: 64 }, (_, i) => [String(i).padStart(64, '0'), 'v'.repeat(256)]),
    );
    const submit = () => storage.jobs.submitJob({ ...submission, labels });
    await Promise.all(Array.from({ length: 160 }, submit));
    const first = await storage.jobs.listJobs({ pageSize: 1000 });
    expect(toBinary(ListJobsResponseSchema, first).length).toBeLessThan(LIMITS.clientMessageBytes);
    expect(first.jobs.length).toBeLessThan(160);
    const { nextPageToken: pageToken } = first;
    const second = await storage.jobs.listJobs({ pageSize: 1000, pageToken });
    const ids = [...first.jobs, ...second.jobs].map(({ jobId }) => Number(jobId));
    expect(ids).toEqual(Array.from({ length: 160 }, (_, i) => 160 - i));
    expect(second.nextPageToken).toBe('');
  });

  test('comes in pages, the newest first, while others are submitted', async () => {
    await using storage = await TestStorage.start();
    const submit = async () => (await storage.jobs.submitJob(submission)).jobId;
    const [first, second, third] = [await submit(), await submit(), await submit()];
    const page = await storage.jobs.listJobs({ pageSize: 2 });
    expect(page.jobs.map(({ jobId }) => jobId)).toEqual([third, second]);
    await submit();
    const rest = await storage.jobs.listJobs({ pageSize: 2, pageToken: page.nextPageToken });
    expect(rest.jobs.map(({ jobId }) => jobId)).toEqual([first]);
    expect(rest.nextPageToken).toBe('');
  });

  test('has the live counts of jobs that run', async () => {
    await using storage = await TestStorage.start();
    const jobId = await storage.submit(flat(3));
    const worker = await ScriptedExecutionManager.register(storage.transport);
    await worker.lease([{ jobId, taskIndex: 1 }]);
    const { jobs } = await storage.jobs.listJobs({ states: [toWireJobState(JobState.Running)] });
    expect(jobs).toMatchObject([{ jobId, runningTasks: 1, readyTasks: 2 }]);
    expect(
      (await storage.jobs.listJobs({ states: [toWireJobState(JobState.Ready)] })).jobs,
    ).toEqual([]);
  });

  test('is refused with the field and the limit', async () => {
    await using storage = await TestStorage.start();
    const refuse = async (request: Partial<ListJobsRequest>, text: string): Promise<void> => {
      const { $typeName: _, ...fields } = request;
      await expect(storage.jobs.listJobs(fields)).rejects.toEqual(
        refusedWith(Code.InvalidArgument, text),
      );
    };
    await refuse({ pageSize: 1001 }, 'page_size: 1001 is more than 1000');
    for (const pageToken of ['x', '-1', '9'.repeat(20), '1'.repeat(300)]) {
      await refuse({ pageToken }, 'page_token');
    }
    await refuse(
      { states: [toWireJobState(99 as JobState)] },
      'states: no job state has the number 99',
    );
    await refuse(
      { states: Array.from({ length: 17 }, () => toWireJobState(JobState.Ready)) },
      'states: 17 are more than 16',
    );
    await refuse({ namePrefix: 'x'.repeat(257) }, 'name_prefix: 257 bytes are more than 256');
    await refuse({ labels: { k: 'v'.repeat(257) } }, 'labels["k"]: 257 bytes');
  });
});
