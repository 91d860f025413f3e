import { assert, LIMITS } from '@spider/core';

import type { Assignee } from './assignee.ts';
import type { DispatchState } from './dispatch-state.ts';
import { profileKey } from './execution-manager-profile.ts';
import type { TaskPool } from './task-pool.ts';

/**
 * The invariants of the dispatch machine. They hold between any two events.
 *
 * 1. A pool's `waiting` is the sum over its jobs.
 * 2. A job is on record in a pool under its id, exactly as long as tasks of it wait there or are not
 *    acknowledged, and is not dropped.
 * 3. A job's `unacknowledged` is the sum over all batches of the pool on record.
 * 4. Whatever came from an upstream that has closed is gone: while it is closed no job is on record
 *    and no credit is out.
 * 5. The credit that is out upstream is never below 0, and never exceeds the window.
 * 6. A pool's `credit` and `appetite` are the sums over its assignees.
 * 7. An assignee is on record once, under its connection, its execution manager and in its pool.
 * 8. An assignee's credit, with what it has not acknowledged, is within 0…LIMITS.assignmentCredit.
 * 9. An assignee's batches are numbered without gap up to `lastBatch`, none is empty or larger than
 *    LIMITS.tasksPerAssignmentBatch, and their sizes add up to `unacknowledgedTasks`.
 * 10. A draining assignee has neither credit nor batches.
 * 11. A pool is on record under its number and its profile, exactly as long as it has assignees.
 *
 * @throws InvariantError with the number of the first one that does not hold.
 */
export function validateState(state: DispatchState): void {
  let assignees = 0;
  for (const [key, pool] of state.pools) {
    check(11, key === profileKey(pool.profile), `pool ${pool.number} is not under ${key}`);
    check(11, state.poolsByNumber.get(pool.number) === pool, `pool ${pool.number}`);
    check(11, pool.assignees.length > 0, `pool ${pool.number} is empty`);
    assignees += pool.assignees.length;
    checkJobs(pool);
    checkUpstream(state, pool);
    checkAssignees(state, pool);
  }
  check(11, state.poolsByNumber.size === state.pools.size, 'a pool is left over');
  check(7, state.byConnection.size === assignees, 'a connection is left over');
  check(7, state.byExecutionManager.size === assignees, 'an execution manager is left over');
}

function checkJobs(pool: TaskPool): void {
  const unacknowledged = new Map<object, number>();
  for (const { unacknowledged: batches } of pool.assignees) {
    for (const { job, taskIndexes } of batches.flatMap(({ tasks }) => tasks)) {
      unacknowledged.set(job, (unacknowledged.get(job) ?? 0) + taskIndexes.length);
    }
  }
  let waiting = 0;
  for (const [jobId, job] of pool.jobs) {
    waiting += job.waiting;
    check(2, job.jobId === jobId && !job.idle && !job.dropped, `job ${jobId}`);
    check(3, job.unacknowledged === (unacknowledged.get(job) ?? 0), `job ${jobId}`);
  }
  check(1, waiting === pool.waiting, `${waiting} tasks wait, ${pool.waiting} are counted`);
}

function checkUpstream({ upstreamOpen }: DispatchState, pool: TaskPool): void {
  const { jobs, upstreamCredit, window } = pool;
  check(4, upstreamOpen || (jobs.size === 0 && upstreamCredit === 0), `${jobs.size} jobs`);
  check(5, upstreamCredit >= 0 && upstreamCredit <= window, `credit ${upstreamCredit}`);
}

function checkAssignees(state: DispatchState, pool: TaskPool): void {
  let credit = 0;
  let appetite = 0;
  for (const assignee of pool.assignees) {
    credit += assignee.credit;
    appetite += assignee.appetite;
    const { connection, executionManagerId } = assignee;
    check(7, state.poolOf(assignee) === pool, `connection ${connection} is in the wrong pool`);
    check(7, state.byConnection.get(connection) === assignee, `connection ${connection}`);
    check(
      7,
      state.byExecutionManager.get(executionManagerId) === assignee,
      `execution manager ${executionManagerId}`,
    );
    checkAssignee(assignee);
  }
  check(6, credit === pool.credit, `credits add up to ${credit}, ${pool.credit} is counted`);
  check(6, appetite === pool.appetite, `appetites add up to ${appetite}, not ${pool.appetite}`);
  check(7, pool.firstServed < pool.assignees.length, 'first served');
}

function checkAssignee(assignee: Assignee): void {
  const { connection, credit, unacknowledged, unacknowledgedTasks } = assignee;
  const held = credit + unacknowledgedTasks;
  check(8, credit >= 0 && held <= LIMITS.assignmentCredit, `connection ${connection}: ${held}`);
  let size = 0;
  for (const [at, batch] of unacknowledged.entries()) {
    const expected = assignee.lastBatch - unacknowledged.length + 1 + at;
    const tasks = batch.tasks.reduce((sum, { taskIndexes }) => sum + taskIndexes.length, 0);
    check(9, batch.number === expected, `connection ${connection}: batch ${batch.number}`);
    check(9, tasks === batch.size && tasks >= 1, `batch ${batch.number} has ${tasks} tasks`);
    check(9, tasks <= LIMITS.tasksPerAssignmentBatch, `batch ${batch.number} has ${tasks} tasks`);
    size += tasks;
  }
  check(9, size === unacknowledgedTasks, `connection ${connection}: ${size} tasks`);
  check(10, !assignee.draining || held === 0, `connection ${connection} holds ${held}`);
}

function check(invariant: number, holds: boolean, detail: string): void {
  assert(holds, `dispatch machine, invariant ${invariant}: ${detail}`);
}
