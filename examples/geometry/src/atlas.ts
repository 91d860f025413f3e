import {
  defineJob,
  JobFailedError,
  type JobHandle,
  type JobStatus,
  list,
  type SpiderClient,
} from '@spider/client';
import { bounds, pathLength, type Point, point, sweep } from './index.ts';

/** The lengths of two paths, each measured once its bounds are known. */
export const atlas = defineJob(
  [list(point), list(point)],
  (graph, ...paths) => {
    graph.cleanupTask(sweep);
    return paths.map((path) => {
      const box = graph.task(bounds, path);
      return graph.task(pathLength, path).after(box);
    });
  },
  { failurePolicy: 'continue', cleanupAfterFailure: true, deadlineMs: 3_600_000 },
);

export const submitAtlas = (
  client: SpiderClient,
  paths: readonly [readonly Point[], readonly Point[]],
): Promise<JobHandle<readonly number[]>> =>
  client.submitAndStart(atlas, [...paths], { durability: 'sync', deadlineMs: 600_000 });

/** Measures what can be measured. Answers the lengths, or what became of the tasks. */
export async function describeAtlas(handle: JobHandle<readonly number[]>): Promise<string> {
  try {
    const lengths = await handle.outputs();
    return `lengths: ${lengths.join(', ')}`;
  } catch (error) {
    if (!(error instanceof JobFailedError)) throw error;
    const { succeededTasks, skippedTasks } = error.status;
    const failed = error.failedTasks.map((task) => `${task.taskIndex}: ${task.lastError}`);
    return `${succeededTasks} done, ${skippedTasks} skipped, failed: ${failed.join('; ')}`;
  }
}

export async function giveUp(handle: JobHandle<readonly number[]>): Promise<JobStatus> {
  await handle.cancel({ reason: 'the maps are not needed any more' });
  return await handle.wait();
}

/** For a job whose cleanup takes too long, or waits for an execution manager that is never to come. */
export async function giveUpCleanup(handle: JobHandle<readonly number[]>): Promise<JobStatus> {
  await handle.cancel({ skipCleanup: true });
  return await handle.wait();
}
