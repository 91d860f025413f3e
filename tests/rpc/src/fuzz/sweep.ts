import { setTimeout as sleep } from 'node:timers/promises';
import type { GrpcClient } from '../grpc-client.ts';
import { CLEANUP, frame, ReferenceWorld, STATES } from '../reference-world.ts';

const DEADLINE_MS = 30_000;
const PAUSE_MS = 100;
const AT_A_TIME = 16;

/**
 * Ends all jobs with ids from `first` on that have not ended.
 *
 * @throws Error if one of them does not end.
 */
export async function endJobs(client: GrpcClient, first: number, last: number): Promise<void> {
  const world = await ReferenceWorld.enter(client);
  let next = first;
  const work = async (): Promise<void> => {
    while (next <= last) await endJob(world, String(next++));
  };
  await Promise.all(Array.from({ length: AT_A_TIME }, work));
}

async function endJob(world: ReferenceWorld, jobId: string): Promise<void> {
  await world.call('CancelJob', { jobId });
  const deadline = Date.now() + DEADLINE_MS;
  for (;;) {
    const { code, response } = await world.call('GetJobState', { jobId });
    const state = Number(response['state']);
    // A job that was deleted has ended.
    if (code === 'NOT_FOUND' || state >= STATES.SUCCEEDED) return;
    if (Date.now() > deadline) throw new Error(`job ${jobId} remains in state ${state}`);
    const request = await world.leaseRequest(jobId, CLEANUP);
    const lease = await world.call('RegisterTaskInstance', { ...request });
    if (lease.code === 'OK') {
      const context = lease.response['executionContext'] as { taskInstanceId: string };
      const { taskInstanceId } = context;
      await world.call('ReportTaskSuccess', {
        ...request,
        taskInstanceId,
        serializedOutputs: frame(),
      });
    } else {
      // Whoever runs it is silent, and will be found out.
      await sleep(PAUSE_MS);
    }
  }
}
