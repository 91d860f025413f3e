import { expect, test } from 'vitest';
import { RawClient } from '../../../test/raw-grpc/raw-client.ts';
import { graphJson, hex, zstd } from '../../../test/raw-grpc/reference-graph.ts';
import { pathOf } from '../../../test/raw-grpc/reference-world.ts';
import { TestStorage } from '../../testing/test-storage.ts';

test("a job's whole life, in bytes written out by hand", async () => {
  await using storage = await TestStorage.start();
  using client = new RawClient(storage.server.url);
  const call = async (method: string, request: string | Uint8Array): Promise<string> => {
    const bytes = typeof request === 'string' ? hex(request) : request;
    const { code, message, body } = await client.call(pathOf(method), bytes);
    expect(code, message).toBe(0);
    return body.toString('hex');
  };
  const answers = async (method: string, request: string, response: string): Promise<void> => {
    expect(await call(method, request)).toBe(hex(response).toString('hex'));
  };

  // Session 1; a scheduler "spider-scheduler":50052; execution managers 1, 2 and 3.
  await answers('GetSession', '', '0801');
  await answers(
    'RegisterScheduler',
    '0a10 7370696465722d7363686564756c6572 10848703',
    '0a04 0801 1001',
  );
  await answers(
    'GetSchedulers',
    '',
    '0a1a 0a18 0801 1210 7370696465722d7363686564756c6572 18848703',
  );
  for (const id of ['01', '02', '03']) {
    await answers('RegisterExecutionManager', '0a07 302e302e302e30', `0a04 08${id} 1001`);
  }
  await answers('UpdateExecutionManagerHeartbeat', '0803', '0801');
  // Group 1 is there from the start; this is another one.
  await answers('AddResourceGroup', '0a02 7267 1202 7077', '0802');
  await answers('VerifyResourceGroup', '0802 1202 7077', '');

  // Jobs 1 and 2 of group 1, with the input 42, of which job 2 is started.
  const graph = zstd(graphJson({ tasks: [{ inputs: 1, outputs: 1 }] }));
  const inputs = hex('28b52ffd0058 490000 01000000010000002a');
  const register = Buffer.concat([
    hex('0801 12'),
    Buffer.of((graph.length & 0x7f) | 0x80, graph.length >>> 7),
    graph,
    Buffer.of(0x1a, inputs.length),
    inputs,
  ]);
  expect(await call('RegisterJob', register)).toBe('0801');
  expect(await call('RegisterJob', register)).toBe('0802');
  await answers('GetJobState', '0802', '0801');
  await answers('PollReadyTasks', '0810 100a', '0a02 0801');
  await answers('StartJob', '0802', '0802');

  // The task goes to execution manager 3, which returns 42.
  await answers('PollReadyTasks', '0810 100a', '0a0c 0801 1208 0801 1002 1a02 0800');
  const instance = '8080808010';
  await answers(
    'RegisterTaskInstance',
    '0802 12020800 1803 2001',
    `0a23 08${instance} 1206 0a0170 120166 1a08 08f09309 10e0a712 2209 01000000010000002a`,
  );
  await answers(
    'ReportTaskSuccess',
    `0802 12020800 18${instance} 2003 2801 3209 01000000010000002a`,
    '',
  );
  await answers('GetJobState', '0802', '0805');
  await answers('GetJobOutputs', '0802', '0a0a 00 01000000 01000000 2a');

  // Job 1 is cancelled before it has begun.
  await answers('CancelJob', '0801', '0807');
});

test('termination tasks, in bytes written out by hand', async () => {
  await using storage = await TestStorage.start();
  using client = new RawClient(storage.server.url);
  const call = async (method: string, request: string): Promise<string> => {
    const { code, message, body } = await client.call(pathOf(method), hex(request));
    expect(code, message).toBe(0);
    return body.toString('hex');
  };
  const shape = { tasks: [{ inputs: 0, outputs: 0 }], commit: true, cleanup: true };
  const graph = zstd(graphJson(shape));
  const register = [
    '0801 12',
    Buffer.of((graph.length & 0x7f) | 0x80, graph.length >>> 7).toString('hex'),
    graph.toString('hex'),
    '1a0d 28b52ffd0058 210000 00000000',
  ].join('');
  await call('RegisterExecutionManager', '0a07 302e302e302e30');

  // Job 1 runs to its commit task, which succeeds.
  expect(await call('RegisterJob', register)).toBe('0801');
  await call('StartJob', '0801');
  await call('RegisterTaskInstance', '0801 12020800 1801 2001');
  await call('ReportTaskSuccess', '0801 12020800 188080808010 2001 2801 3204 00000000');
  expect(await call('GetJobState', '0801')).toBe('0803');
  const none = hex('0a02 0801').toString('hex');
  expect(await call('PollReadyCleanupTasks', '0810')).toBe(none);
  expect(await call('PollReadyCommitTasks', '0810')).toBe(
    hex('0a0c 0801 1208 0801 1001 1a02 1200').toString('hex'),
  );
  expect(await call('RegisterTaskInstance', '0801 12021200 1801 2001')).toBe(
    hex(
      '0a24 088180808010 120b 0a0170 1206 636f6d6d6974 1a08 08f09309 10e0a712 2205 0000000000',
    ).toString('hex'),
  );
  await call('ReportTaskSuccess', '0801 12021200 188180808010 2001 2801 3204 00000000');
  expect(await call('GetJobState', '0801')).toBe('0805');

  // Job 2 is cancelled, and its cleanup task fails.
  expect(await call('RegisterJob', register)).toBe('0802');
  await call('StartJob', '0802');
  expect(await call('CancelJob', '0802')).toBe('0804');
  expect(await call('PollReadyCleanupTasks', '0810')).toBe(
    hex('0a0c 0801 1208 0801 1002 1a02 1a00').toString('hex'),
  );
  await call('RegisterTaskInstance', '0802 12021a00 1801 2001');
  await call('ReportTaskFailure', '0802 12021a00 188280808010 2001 2801 320178');
  expect(await call('GetJobState', '0802')).toBe('0806');
  expect(await call('GetJobError', '0802')).toBe('0a0178');
});
