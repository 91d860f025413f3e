import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TimestampMs } from '@spider/core';
import { expect, test } from 'vitest';
import { expectRefused, expectVoid } from '../../../test/raw-grpc/expect-answer.ts';
import { uint } from '../../../test/raw-grpc/protobuf.ts';
import { Code } from '../../../test/raw-grpc/raw-client.ts';
import { frame, TWO_IN_A_ROW } from '../../../test/raw-grpc/reference-graph.ts';
import {
  index,
  polledTasks,
  reportFields,
  ReferenceWorld,
  State,
} from '../../../test/raw-grpc/reference-world.ts';
import { openStore } from '../../db/open-store.ts';

const OUTPUTS = frame(Buffer.of(42));

test('a start of storage costs a running attempt, and nothing that was reported', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'spider-reference-'));
  await using cleanup = new AsyncDisposableStack();
  cleanup.defer(() => rm(folder, { recursive: true }));
  const start = async (): Promise<ReferenceWorld> => {
    const path = join(folder, 'store.sqlite');
    const store = await openStore({ engine: 'sqlite', path }, 1 as TimestampMs);
    return await ReferenceWorld.start({ store });
  };

  const before = await start();
  const group = uint(await before.ok('AddResourceGroup', [1, 'nightly'], [2, 'secret']), 1);
  const manager = await before.registerManager();
  const job = await before.startJob(TWO_IN_A_ROW);
  expectVoid(await before.succeed(await before.lease(job, index(0), manager), OUTPUTS));
  const running = await before.lease(job, index(1), manager);
  await before[Symbol.asyncDispose]();

  await using after = await start();
  expect(after.session).toBeGreaterThan(before.session);
  const heartbeat = await after.ok('UpdateExecutionManagerHeartbeat', [1, manager]);
  expect(uint(heartbeat, 1)).toBe(after.session);
  // Whoever has missed the start is told of it, and its outcome is dropped.
  const text = `session ${before.session} is not the current one, which is ${after.session}`;
  expectRefused(
    await after.call('ReportTaskSuccess', ...reportFields(running, before.session), [6, OUTPUTS]),
    Code.NotFound,
    text,
  );
  const polled = await after.ok('PollReadyTasks', [1, 16], [2, 10_000]);
  expect(polledTasks(polled)).toEqual([[job, '0801']]);
  const again = await after.lease(job, index(1), manager);
  expect(again.instance).toBeGreaterThan(running.instance);
  expectVoid(await after.succeed(again, OUTPUTS));
  expect(await after.state(job)).toBe(State.Succeeded);
  expectVoid(await after.call('VerifyResourceGroup', [1, group], [2, 'secret']));
});
