import { RecordingLogger } from '@spider/runtime/testing';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import {
  arbitraryCall,
  arbitraryGraph,
  PREFIX_BYTES,
} from '../../../test/raw-grpc/arbitrary-calls.ts';
import type { ArbitraryCall, Origin } from '../../../test/raw-grpc/arbitrary-calls.ts';
import { expectVoid } from '../../../test/raw-grpc/expect-answer.ts';
import { bytes, parseMessage, submessage, uint } from '../../../test/raw-grpc/protobuf.ts';
import type { Message } from '../../../test/raw-grpc/protobuf.ts';
import { Code } from '../../../test/raw-grpc/raw-client.ts';
import { frame } from '../../../test/raw-grpc/reference-graph.ts';
import type { GraphShape } from '../../../test/raw-grpc/reference-graph.ts';
import {
  COMMIT,
  index,
  pathOf,
  ReferenceWorld,
  State,
} from '../../../test/raw-grpc/reference-world.ts';
import type { Lease } from '../../../test/raw-grpc/reference-world.ts';

/** Nothing else is ever answered to a message that can be read. */
const ANSWERS: readonly number[] = [
  Code.Ok,
  Code.InvalidArgument,
  Code.NotFound,
  Code.AlreadyExists,
  Code.FailedPrecondition,
  Code.Unauthenticated,
];

const sequence = fc.array(arbitraryCall, { minLength: 20, maxLength: 60, size: 'max' });
const graphs = fc.array(arbitraryGraph, { minLength: 3, maxLength: 3 });

test('no sequence of calls stops the server, and jobs still run to their ends', async () => {
  const logger = new RecordingLogger();
  await using world = await ReferenceWorld.start({ logger });
  const counts = new Map<string, number>();
  const send = async (call: ArbitraryCall, origin: Origin): Promise<void> => {
    const { method, isSound } = call;
    const request = call.body(origin);
    const answer = await world.client.send(pathOf(method), request).answer;
    if (!isSound) return;
    expect(ANSWERS, `${method}: ${answer.message}`).toContain(answer.code);
    for (const what of [`answers ${answer.code}`, `${method} ${answer.code}`]) {
      counts.set(what, (counts.get(what) ?? 0) + 1);
    }
    if (method !== 'RegisterTaskInstance' || answer.code !== Code.Ok) return;
    origin.leases.push(toLease(parseMessage(request.subarray(PREFIX_BYTES)), answer.body));
  };
  await fc.assert(
    fc.asyncProperty(graphs, sequence, fc.boolean(), async (shapes, calls, areAtOnce) => {
      const origin = await begin(world, shapes);
      if (areAtOnce) await Promise.all(calls.map((call) => send(call, origin)));
      else for (const call of calls) await send(call, origin);
      world.storage.service.validateState();
    }),
    { numRuns: 80, seed: 20_261_124, endOnFailure: true },
  );
  // It was no empty exercise.
  for (const code of ANSWERS) expect(counts.get(`answers ${code}`)).toBeGreaterThan(0);
  for (const method of ['RegisterTaskInstance', 'ReportTaskSuccess', 'ReportTaskFailure']) {
    expect(counts.get(`${method} 0`), method).toBeGreaterThan(5);
  }

  const job = await world.startJob({
    tasks: [
      { inputs: 0, outputs: 1 },
      { inputs: 1, outputs: 1, sources: [[0, 0]] },
    ],
    commit: true,
  });
  for (const task of [index(0), index(1), COMMIT]) {
    expectVoid(await world.succeed(await world.lease(job, task), frame(Buffer.of(1))));
  }
  expect(await world.state(job)).toBe(State.Succeeded);
  // Neither did a job contradict itself, nor was a handler at a loss.
  expect(logger.messages('error')).toEqual([]);
}, 120_000);

/** Starts jobs, and the task of one more. */
async function begin(world: ReferenceWorld, shapes: readonly GraphShape[]): Promise<Origin> {
  const job = await world.startJob({ tasks: [{ inputs: 0, outputs: 0 }] });
  const lease = await world.lease(job, index(0));
  for (const { tasks, ...rest } of shapes) {
    await world.startJob({ ...rest, tasks: [{ inputs: 0, outputs: 1 }, ...tasks] });
  }
  const { manager, instance } = lease;
  return { job: job + 1n, instance: instance + 1n, manager, leases: [lease] };
}

/** What was asked for, with what came. */
function toLease(request: Message, response: Buffer): Lease {
  const context = submessage(parseMessage(response), 1);
  return {
    job: uint(request, 1),
    task: bytes(request, 2) ?? Buffer.of(),
    instance: uint(context, 1),
    manager: uint(request, 3),
    context,
  };
}
