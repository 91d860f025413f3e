/*
 * What holds for a job after every event:
 *
 *  1. Until tasks are stopped, a regular task is Pending or Skipped exactly while it has unfinished
 *     parents, and those are its distinct parents that have not succeeded. It is Skipped exactly if its
 *     job goes on after failures and one of its parents has failed or is Skipped.
 *  2. A task has live instances exactly while it is Running, and no more than its limit unless it was
 *     crowded after a start; a winner belongs to a task that succeeded.
 *  3. The counts of tasks by state and of live instances are those of the columns.
 *  4. While the job runs, every Ready task is queued or handed out; beside it only a Running task that
 *     may have one more instance is.
 *  5. The queue links each queued task once, and its counts are right.
 *  6. Of a job that was not started, has ended or is put aside, nothing is queued, handed out or live.
 *  7. A pending state change is one that the table allows; requests wait only for one.
 *  8. All regular tasks have succeeded in CommitReady and Succeeded; in CleanupReady, Failed and
 *     Cancelled, and in a job put aside, all have ended.
 *  9. The commit task is Pending before CommitReady, the cleanup task before CleanupReady.
 * 10. A task is marked as slow only while it is Running.
 * 11. While the job is Running and has tasks that did not succeed, the outputs of one that did are kept
 *     exactly until all that is to read them has done so.
 * 12. The job's outputs are there in CommitReady, and never after the end.
 * 13. Only a Pending task of a Running job is claimed.
 * 14. Outputs are read back only while the job is Running, and what is gathered of the job's only then.
 */
import {
  assert,
  canJobMove,
  isFinalJobState,
  isFinalTaskState,
  JobState,
  TaskState,
} from '@spider/core';
import type { JobControlBlock } from './job-control-block.ts';
import { Dispatch } from './ready-queue.ts';

/** @throws InvariantError naming the first invariant that does not hold. */
export function validateState(job: JobControlBlock): void {
  checkTasks(job);
  checkCounts(job);
  checkQueue(job);
  checkJob(job);
  checkTerminationTasks(job);
  checkOutputs(job);
}

const check = (number: number, condition: boolean, what: string): void =>
  assert(condition, `invariant ${number}: ${what}`);

/** Nothing of the job will run again. */
const isStopped = (job: JobControlBlock): boolean =>
  isFinalJobState(job.state) || job.quarantine !== undefined;

function checkTasks(job: JobControlBlock): void {
  for (let row = 0; row < job.taskState.length; row++) {
    const state = job.taskState[row] as TaskState;
    const liveCount = job.instances.count(row);
    check(2, liveCount > 0 === (state === TaskState.Running), `task ${row}: ${liveCount} live`);
    const isWithinLimit = liveCount <= 1 || liveCount <= job.instanceLimit(row);
    check(2, isWithinLimit || job.crowded.has(row), `task ${row}: ${liveCount} live`);
    const hasWinner = job.instances.winner(row) > 0;
    check(2, !hasWinner || state === TaskState.Succeeded, `task ${row}: a winner`);
    checkDispatch(job, row, state);
    check(10, !job.slow.has(row) || state === TaskState.Running, `task ${row} is slow`);
    const isClaimed = job.claims.get(row) !== undefined;
    check(13, !isClaimed || isClaimable(job, state), `task ${row} is claimed`);
    if (row < job.taskCount) checkParents(job, row, state);
  }
}

const isClaimable = (job: JobControlBlock, state: TaskState): boolean =>
  state === TaskState.Pending && job.state === JobState.Running;

function checkParents(job: JobControlBlock, row: number, state: TaskState): void {
  const isUnderWay = job.state === JobState.Ready || job.state === JobState.Running;
  if (!isUnderWay || job.quarantine !== undefined) return;
  const { inputOffset, sourceTask, orderOffset, orderTask } = job.graph;
  const sources = sourceTask.subarray(inputOffset[row], inputOffset[row + 1]);
  const orders = orderTask.subarray(orderOffset[row], orderOffset[row + 1]);
  const parents = new Set([...sources, ...orders].filter((source) => source < job.taskCount));
  let unfinished = 0;
  for (const parent of parents) {
    if (job.taskState[parent] !== TaskState.Succeeded) unfinished += 1;
  }
  check(1, job.unfinishedParents[row] === unfinished, `task ${row}: ${unfinished} unfinished`);
  const isWaiting = state === TaskState.Pending || state === TaskState.Skipped;
  check(1, isWaiting === unfinished > 0, `task ${row} is in state ${state}`);
  const isLost = [...parents].some((parent) => isGivenUp(job, parent));
  check(1, (state === TaskState.Skipped) === isLost, `task ${row} is in state ${state}`);
}

/** Nothing that depends on the task will run, though others may. */
function isGivenUp({ taskState, policy }: JobControlBlock, task: number): boolean {
  const state = taskState[task];
  const goesOn = policy.failurePolicy === 'continue';
  return state === TaskState.Skipped || (goesOn && state === TaskState.Failed);
}

function checkDispatch(job: JobControlBlock, row: number, state: TaskState): void {
  const isWanted = job.ready.dispatch(row) !== Dispatch.Idle;
  if (isStopped(job) || job.state === JobState.Ready) {
    check(6, !isWanted && state !== TaskState.Running, `task ${row} is about to run`);
  }
  if (!job.isRunning) return;
  if (state === TaskState.Ready) {
    check(4, isWanted || job.backingOff.has(row), `task ${row} is ready, not queued`);
  } else if (isWanted) {
    check(4, state === TaskState.Running, `task ${row} is queued, not ready`);
    check(4, job.instances.count(row) < job.instanceLimit(row), `task ${row} is at its limit`);
  }
}

function checkCounts(job: JobControlBlock): void {
  const counts = new Uint32Array(job.taskCounts.length);
  let liveCount = 0;
  for (let row = 0; row < job.taskState.length; row++) {
    const state = job.taskState[row] as TaskState;
    if (row < job.taskCount) counts[state] = (counts[state] as number) + 1;
    liveCount += job.instances.count(row);
  }
  check(3, counts.join() === job.taskCounts.join(), `${counts.join()}: tasks by state`);
  check(3, liveCount === job.instances.liveCount, `${liveCount} live instances`);
}

function checkQueue(job: JobControlBlock): void {
  const linked = [...job.ready.queued()];
  let queued = 0;
  let handedOut = 0;
  for (let row = 0; row < job.taskState.length; row++) {
    if (job.ready.dispatch(row) === Dispatch.Queued) queued += 1;
    if (job.ready.dispatch(row) === Dispatch.HandedOut) handedOut += 1;
  }
  const areAllQueued = linked.every((row) => job.ready.dispatch(row) === Dispatch.Queued);
  check(5, areAllQueued && new Set(linked).size === queued, `${queued} queued`);
  check(5, linked.length === queued && job.ready.queuedCount === queued, `${queued} queued`);
  check(5, job.ready.handedOutCount === handedOut, `${handedOut} handed out`);
}

function checkJob(job: JobControlBlock): void {
  const { pending, state, taskCounts, taskCount } = job;
  check(7, pending === undefined || canJobMove(state, pending.to), 'state change not allowed');
  check(7, pending !== undefined || job.deferred.length === 0, 'requests wait for nothing');
  check(7, pending === undefined || job.quarantine === undefined, 'moves while it is put aside');

  const succeeded = taskCounts[TaskState.Succeeded] as number;
  if (state === JobState.CommitReady || state === JobState.Succeeded) {
    check(8, succeeded === taskCount, `${succeeded} succeeded`);
  } else if (state === JobState.CleanupReady || isStopped(job)) {
    const ended =
      succeeded +
      (taskCounts[TaskState.Failed] as number) +
      (taskCounts[TaskState.Skipped] as number) +
      (taskCounts[TaskState.Cancelled] as number);
    check(8, ended === taskCount, `${ended} ended`);
  }
}

function checkTerminationTasks(job: JobControlBlock): void {
  if (job.quarantine !== undefined) return;
  const commit = job.taskState[job.commitRow];
  const cleanup = job.taskState[job.cleanupRow];
  const isEarly = job.state === JobState.Ready || job.state === JobState.Running;
  check(9, !isEarly || commit === TaskState.Pending, 'commit task');
  check(9, !isEarly || cleanup === TaskState.Pending, 'cleanup task');
  check(
    9,
    job.state !== JobState.CommitReady || cleanup === TaskState.Pending,
    'cleanup task in COMMIT_READY',
  );
  if (isFinalJobState(job.state)) {
    check(9, isFinalTaskState(commit as TaskState), 'commit task after the end');
    check(9, isFinalTaskState(cleanup as TaskState), 'cleanup task after the end');
  }
}

function checkOutputs(job: JobControlBlock): void {
  const { state, jobOutputs } = job;
  check(12, state !== JobState.CommitReady || jobOutputs !== undefined, 'no job outputs');
  check(12, !isFinalJobState(state) || jobOutputs === undefined, 'job outputs after the end');
  const isUnderWay = state === JobState.Running && job.quarantine === undefined;
  check(14, job.recall === undefined || isUnderWay, 'outputs are read back');
  check(14, job.gathering === undefined || job.recall !== undefined, 'waits for nothing');
  if (!isUnderWay || job.taskCounts[TaskState.Succeeded] === job.taskCount) return;
  const hasSucceeded = (task: number): boolean => job.taskState[task] === TaskState.Succeeded;
  for (const [actual, counted] of job.outputs.usage(hasSucceeded)) {
    check(11, actual === counted, `${actual} outputs in a chunk that ${counted} need`);
  }
  for (let task = 0; task < job.taskCount; task++) {
    if (!hasSucceeded(task)) continue;
    check(11, job.outputs.readersLeft(task) === countReadersLeft(job, task), `task ${task}`);
  }
}

/** Inputs of children that may still run, and job outputs, that come from a task. */
function countReadersLeft(job: JobControlBlock, task: number): number {
  const { childOffset, child, inputOffset, sourceTask, outputOffset, jobOutputSlots } = job.graph;
  let readers = 0;
  for (const reader of child.subarray(childOffset[task], childOffset[task + 1])) {
    if (job.taskState[reader] === TaskState.Succeeded || isGivenUp(job, reader)) continue;
    const sources = sourceTask.subarray(inputOffset[reader], inputOffset[reader + 1]);
    readers += sources.filter((source) => source === task).length;
  }
  const firstSlot = outputOffset[task] as number;
  const endSlot = outputOffset[task + 1] as number;
  return readers + jobOutputSlots.filter((slot) => slot >= firstSlot && slot < endSlot).length;
}
