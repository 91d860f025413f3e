import { LIMITS } from '@spider/core';
import { describe, expect, test } from 'vitest';
import { expectRefused } from '../../../test/raw-grpc/expect-answer.ts';
import { message, parseMessage, submessage, uint } from '../../../test/raw-grpc/protobuf.ts';
import type { Field } from '../../../test/raw-grpc/protobuf.ts';
import { Code } from '../../../test/raw-grpc/raw-client.ts';
import { frame, hex, withPolicy } from '../../../test/raw-grpc/reference-graph.ts';
import {
  index,
  METHODS,
  pathOf,
  ReferenceWorld,
  State,
} from '../../../test/raw-grpc/reference-world.ts';

describe('a request', () => {
  test('may have fields that later versions know', async () => {
    await using world = await ReferenceWorld.start();
    const later: Field[] = [
      [4, 7],
      [15, 'credentials'],
      [2 ** 20, message([1, 1])],
    ];
    const registered = await world.ok('RegisterExecutionManager', [1, '::1'], ...later);
    expect(uint(submessage(registered, 1), 2)).toBe(world.session);
  });

  test('is of no use when it cannot be read, and the next one is answered', async () => {
    await using world = await ReferenceWorld.start();
    const { client } = world;
    const bodies = ['', '00', '00 00000001', '00 00000001 ff', '01 00000000', '00 00000002 3a7f'];
    for (const method of METHODS) {
      for (const body of bodies) {
        const { code } = await client.send(pathOf(method), hex(body)).answer;
        expect(code, `${method} ${body}`).not.toBe(Code.Ok);
      }
    }
    expect(uint(parseMessage((await world.call('GetSession')).body), 1)).toBe(world.session);
  });

  test.each(METHODS)('%s has a limit that is judged by its first bytes', async (method) => {
    await using world = await ReferenceWorld.start();
    const isLarge = /Job|Task(Instance|Success|Failure)$/.test(method);
    const limit = isLarge ? LIMITS.referenceRequestBytes : LIMITS.referenceMessageBytes;
    const prefix = Buffer.alloc(5);
    prefix.writeUInt32BE(limit + 1, 1);
    const answer = await world.client.send(pathOf(method), prefix).answer;
    expectRefused(answer, Code.ResourceExhausted, String(limit));
  });

  test('of a method that does not exist is not implemented', async () => {
    await using world = await ReferenceWorld.start();
    for (const method of [
      'storage.JobOrchestrationService/WaitJob',
      'storage.Nothing/GetSession',
    ]) {
      const answer = await world.client.call(method, message([1, 1]));
      expectRefused(answer, Code.Unimplemented, '');
    }
  });
});

test('outputs beyond the limit of a task are a failure', async () => {
  await using world = await ReferenceWorld.start();
  const job = await world.startJob(withPolicy({}));
  const outputs = frame(Buffer.alloc(LIMITS.taskPayloadBytes));
  const answer = await world.succeed(await world.lease(job, index(0)), outputs);
  const text = `serialized_outputs: ${outputs.length} bytes are more than ${LIMITS.taskPayloadBytes}`;
  expectRefused(answer, Code.InvalidArgument, text);
  expect(await world.state(job)).toBe(State.Failed);
  expect(await world.error(job)).toBe(text);
});

test('the services of the reference speak gRPC alone', async () => {
  await using world = await ReferenceWorld.start();
  const { status } = await world.client.post(pathOf('GetSession'), 'application/json', '{}');
  expect(status).toBe(415);
});
