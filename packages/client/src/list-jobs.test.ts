import { JobState, SpiderError, timestampMs, toId } from '@spider/core';
import { type ListJobsRequest, toWireJobState } from '@spider/proto';
import { afterEach, expect, it } from 'vitest';
import { startFakeStorage } from '../test/fake-storage.ts';
import { connect, type JobStatus } from './index.ts';

let stack = new AsyncDisposableStack();

afterEach(async () => {
  await stack.disposeAsync();
  stack = new AsyncDisposableStack();
});

it('fetches jobs page by page, as far as the loop goes', async () => {
  const requests: ListJobsRequest[] = [];
  const state = toWireJobState(JobState.Failed);
  const url = await startFakeStorage(
    {
      listJobs(request) {
        requests.push(request);
        const first = request.pageToken === '' ? 9n : 7n;
        return {
          jobs: [
            { jobId: first, state, name: 'nightly', labels: { team: 'vision' }, priority: 3 },
            { jobId: first - 1n, state },
          ],
          nextPageToken: request.pageToken === '' ? '8' : '6',
        };
      },
    },
    stack,
  );
  const client = stack.use(connect({ endpoints: [url] }));
  const found: JobStatus[] = [];
  const jobs = client.jobs({
    resourceGroupId: toId(0),
    states: [JobState.Failed],
    labels: { team: 'vision' },
    namePrefix: 'night',
    submittedFromMs: timestampMs(5),
    submittedBeforeMs: timestampMs(6),
    pageSize: 2,
  });
  expect(requests).toHaveLength(0);
  for await (const job of jobs) {
    found.push(job);
    if (found.length === 3) break;
  }
  expect(found.map(({ jobId }) => jobId)).toEqual([9n, 8n, 7n]);
  expect(found[0]).toMatchObject({ name: 'nightly', labels: { team: 'vision' }, priority: 3 });
  expect(requests.map(({ pageToken }) => pageToken)).toEqual(['', '8']);
  expect(requests[1]).toMatchObject({
    resourceGroupId: 0n,
    states: [state],
    labels: { team: 'vision' },
    namePrefix: 'night',
    submittedFromMs: 5n,
    submittedBeforeMs: 6n,
    pageSize: 2,
  });
});

it('asks for all jobs unless told otherwise, and ends with the last page', async () => {
  const requests: ListJobsRequest[] = [];
  const url = await startFakeStorage(
    {
      listJobs(request) {
        requests.push(request);
        return {};
      },
    },
    stack,
  );
  const client = stack.use(connect({ endpoints: [url] }));
  for await (const job of client.jobs()) throw new SpiderError('internal', `job ${job.jobId}`);
  expect(requests).toHaveLength(1);
  expect(requests[0]).toMatchObject({ states: [], labels: {}, namePrefix: '', pageToken: '' });
  expect(requests[0]?.resourceGroupId).toBeUndefined();
});
