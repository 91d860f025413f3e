import {
  CLEANUP,
  COMMIT,
  FORTY_TWO,
  frame,
  index,
  ReferenceWorld,
  STATES,
  TWO_IN_A_ROW,
} from '../reference-world.ts';
import type { GrpcClient } from '../grpc-client.ts';

/** Runs jobs as peers of the reference do. @throws Error if anything is not as it should be. */
export async function proveReferenceJobs(client: GrpcClient): Promise<void> {
  const world = await ReferenceWorld.enter(client);
  const committed = await world.startJob({ ...TWO_IN_A_ROW, commit: true });
  for (const task of [index(0), index(1)]) await world.succeed(await world.lease(committed, task));
  await world.succeed(await world.lease(committed, COMMIT), frame());
  expectState(await world.state(committed), STATES.SUCCEEDED);
  const { serializedOutputs } = await world.ok('GetJobOutputs', { jobId: committed });
  const expected = Buffer.concat([Buffer.of(0), FORTY_TWO]);
  if (!expected.equals(serializedOutputs as Buffer)) throw new Error('the outputs are others');
  const cancelled = await world.startJob({ ...TWO_IN_A_ROW, cleanup: true });
  await world.ok('CancelJob', { jobId: cancelled });
  await world.succeed(await world.lease(cancelled, CLEANUP), frame());
  expectState(await world.state(cancelled), STATES.CANCELLED);
}

function expectState(state: number, expected: number): void {
  if (state !== expected) throw new Error(`a job is in state ${state}, not ${expected}`);
}
