import { JobState, toId } from '@spider/core';
import { toWireJobState } from '@spider/proto';
import { expect, it } from 'vitest';
import { startFakeStorage } from '../test/fake-storage.ts';
import { connect } from './index.ts';

/** More than a server takes a client to reset in a row before it breaks the connection. */
const WATCHES = 1_200;

it('leaves it to storage to end a watch, however many there are', async () => {
  await using stack = new AsyncDisposableStack();
  const url = await startFakeStorage(
    {
      async *watchJob({ jobId }) {
        yield { status: { jobId, state: toWireJobState(JobState.Succeeded) } };
      },
    },
    stack,
  );
  using client = connect({ endpoints: [url] });

  for (let watch = 0; watch < WATCHES; watch++) {
    const { state } = await client.job(toId(7n)).wait();
    expect(state).toBe(JobState.Succeeded);
  }
}, 60_000);
