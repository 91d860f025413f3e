import { encodeFrame, JobState, toId } from '@spider/core';
import type { JobId, ResourceGroupId, TaskGraph, TimestampMs } from '@spider/core';
import { Job } from '../cache/job.ts';
import { JobMachine } from '../machine/job-machine.ts';

/** A job in memory alone, under way unless told otherwise. */
export function testJob(id: number, graph: TaskGraph, state: JobState = JobState.Running): Job {
  const inputs = encodeFrame(graph.jobInputs.map(() => new Uint8Array(1)));
  const needsOutputs = state === JobState.CommitReady;
  return new Job({
    id: toId<JobId>(id),
    resourceGroupId: toId<ResourceGroupId>(1),
    machine: new JobMachine({
      name: `job ${id}`,
      graph,
      inputs,
      state,
      ...(needsOutputs && { outputs: encodeFrame([]) }),
    }),
    submittedAt: 1 as TimestampMs,
  });
}
