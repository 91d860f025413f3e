import type { Job } from '../cache/job.ts';
import { Lane, laneOf } from './lane.ts';
import type { ReadyTaskPolls } from './ready-task-polls.ts';

/** How much waits to be run, of one kind of tasks. */
export interface QueueDepth {
  /** Nobody has taken them yet. */
  readyTasks: number;
  /** A scheduler has them, and no execution manager has asked for them yet. */
  handedOutTasks: number;
  /** Schedulers of the reference that wait for one. */
  waitingPolls: number;
}

/** Counts what waits in jobs, by kind. */
export function queueDepths(
  jobs: Iterable<Job>,
  polls: Pick<ReadyTaskPolls, 'waiting'>,
): Record<Lane, QueueDepth> {
  const depthOf = (lane: Lane): QueueDepth => ({
    readyTasks: 0,
    handedOutTasks: 0,
    waitingPolls: polls.waiting(lane),
  });
  const depths = {
    [Lane.Commit]: depthOf(Lane.Commit),
    [Lane.Cleanup]: depthOf(Lane.Cleanup),
    [Lane.Regular]: depthOf(Lane.Regular),
  };
  for (const { isBroken, machine } of jobs) {
    if (isBroken) continue;
    const depth = depths[laneOf(machine.state)];
    depth.readyTasks += machine.readyCount;
    depth.handedOutTasks += machine.handedOutCount;
  }
  return depths;
}
