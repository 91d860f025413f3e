import { EQUAL_SHARING, type SpiderError } from '@spider/core';
import { expect, onTestFinished, test } from 'vitest';
import { ScriptedStorage } from '../testing/scripted-storage.ts';
import { RpcReadyTaskSource } from './rpc-ready-task-source.ts';

test('a storage of before there were pools is refused when it hands out, with what helps', async () => {
  const storage = await ScriptedStorage.start(1);
  onTestFinished(() => storage[Symbol.asyncDispose]());
  const source = new RpcReadyTaskSource({
    endpoints: [storage.url],
    advertised: () => ({ host: '127.0.0.1', port: 1 }),
  });
  const closed = Promise.withResolvers<SpiderError | undefined>();
  const ready: unknown[] = [];
  const stream = source.open(
    {
      onOpen: () => stream.grantCredit(10, 1),
      onReady: (tasks) => void ready.push(tasks),
      onJobsEnded: () => undefined,
      onClose: closed.resolve,
    },
    EQUAL_SHARING,
  );
  await storage.changes.until(() => storage.connected);
  storage.ready(1, [0]);
  expect(await closed.promise).toMatchObject({
    code: 'failed-precondition',
    message: expect.stringContaining('update storage first') as string,
  });
  expect(ready).toEqual([]);
});
