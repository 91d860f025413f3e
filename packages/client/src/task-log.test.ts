import { Code, ConnectError } from '@connectrpc/connect';
import { toId } from '@spider/core';
import type { ReadTaskLogRequest } from '@spider/proto';
import { afterEach, expect, it } from 'vitest';
import { startFakeStorage } from '../test/fake-storage.ts';
import { connect, type TaskLogLine } from './index.ts';

let stack = new AsyncDisposableStack();

afterEach(async () => {
  await stack.disposeAsync();
  stack = new AsyncDisposableStack();
});

it('reads a log, and goes on where it was when its call broke', async () => {
  const requests: ReadTaskLogRequest[] = [];
  const url = await startFakeStorage(
    {
      async *readTaskLog(request) {
        requests.push(request);
        yield { taskInstanceId: 9n, executionManagerId: 3n };
        if (requests.length === 2) {
          yield { lines: [{ timeMs: 6n, text: 'two' }], nextOffset: 60n };
          return;
        }
        yield {
          lines: [{ timeMs: 5n, text: 'one', isRemark: true, isStderr: true }],
          nextOffset: 30n,
        };
        throw new ConnectError('gone', Code.Unavailable);
      },
    },
    stack,
  );
  const client = stack.use(connect({ endpoints: [url] }));
  const lines: TaskLogLine[] = [];
  const log = client.job(toId(7n)).taskLog(4, { attempt: 2, follow: true });
  for await (const line of log) lines.push(line);
  expect(lines).toEqual([
    { timeMs: 5, text: 'one', isRemark: true, isStderr: true },
    { timeMs: 6, text: 'two', isRemark: false, isStderr: false },
  ]);
  expect(requests).toMatchObject([
    { jobId: 7n, taskIndex: 4, attempt: 2, follow: true, taskInstanceId: 0n, offset: 0n },
    { attempt: 0, follow: true, taskInstanceId: 9n, executionManagerId: 3n, offset: 30n },
  ]);
});

it('passes on why there is none', async () => {
  const url = await startFakeStorage(
    {
      // oxlint-disable-next-line require-yield
      async *readTaskLog() {
        throw new ConnectError('task 4 of job 7 has not been run', Code.FailedPrecondition);
      },
    },
    stack,
  );
  const client = stack.use(connect({ endpoints: [url] }));
  await expect(client.job(toId(7n)).taskLog(4).next()).rejects.toMatchObject({
    code: 'failed-precondition',
    message: 'task 4 of job 7 has not been run',
  });
});
