import { expect, test, vi } from 'vitest';
import { expectRefused, expectVoid } from '../../../test/raw-grpc/expect-answer.ts';
import { bytes } from '../../../test/raw-grpc/protobuf.ts';
import { Code } from '../../../test/raw-grpc/raw-client.ts';
import { frame } from '../../../test/raw-grpc/reference-graph.ts';
import type { GraphShape } from '../../../test/raw-grpc/reference-graph.ts';
import { index, ReferenceWorld, State } from '../../../test/raw-grpc/reference-world.ts';
import { openMemoryStore } from '../../testing/memory-store.ts';

/** Together more than the one MiB that outputs may have here. */
const OUTPUTS = [1, 2, 3, 4].map((value) => Buffer.alloc(600 * 1024, value));

const FAN_IN: GraphShape = {
  tasks: [
    ...OUTPUTS.map(() => ({ inputs: 1, outputs: 1 })),
    { inputs: 4, outputs: 1, sources: OUTPUTS.map((_, task) => [task, 0] as const) },
  ],
};

/** All have run but the last task, whose inputs are in the journal; reading them takes the test's word. */
async function withSpilledInputs(
  check: (
    world: ReferenceWorld,
    job: bigint,
    read: { allow(): void; isAsked: Promise<void> },
  ) => Promise<void>,
): Promise<void> {
  const store = await openMemoryStore();
  const asked = Promise.withResolvers<void>();
  const allowed = Promise.withResolvers<void>();
  const readJournal = store.jobs.readJournal.bind(store.jobs);
  vi.spyOn(store.jobs, 'readJournal').mockImplementation(async (...page) => {
    asked.resolve();
    await allowed.promise;
    return await readJournal(...page);
  });
  await using world = await ReferenceWorld.start({
    store,
    config: { runtime: { task_outputs: { memory_mb: 1 } } },
  });
  const job = await world.startJob(FAN_IN);
  for (const [task, output] of OUTPUTS.entries()) {
    expectVoid(await world.succeed(await world.lease(job, index(task)), frame(output)));
  }
  await check(world, job, { allow: () => allowed.resolve(), isAsked: asked.promise });
}

test('an execution manager without streams waits for inputs that are read back', () =>
  withSpilledInputs(async (world, job, read) => {
    const leasing = world.lease(job, index(OUTPUTS.length));
    await read.isAsked;
    read.allow();
    const lease = await leasing;
    expect(bytes(lease.context, 4)?.equals(frame(...OUTPUTS))).toBe(true);
    expectVoid(await world.succeed(lease, frame(Buffer.of(5))));
    expect(await world.state(job)).toBe(State.Succeeded);
  }));

test('it is refused when the job is cancelled meanwhile', () =>
  withSpilledInputs(async (world, job, read) => {
    const leasing = world.tryLease(job, index(OUTPUTS.length), await world.registerManager());
    await read.isAsked;
    await world.ok('CancelJob', [1, job]);
    expectRefused(await leasing, Code.FailedPrecondition, 'cache stale: ');
    read.allow();
    expect(await world.state(job)).toBe(State.Cancelled);
  }));
