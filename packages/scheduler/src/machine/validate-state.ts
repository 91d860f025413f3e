import { assert, LIMITS } from '@spider/core';

import type { Assignee } from './assignee.ts';
import type { DispatchState } from './dispatch-state.ts';

/**
 * The invariants of the dispatch machine. They hold between any two events.
 *
 * 1. `waiting` is the sum over all jobs.
 * 2. A job is on record under its id, exactly as long as tasks of it wait or are not acknowledged,
 *    and is not dropped.
 * 3. A job's `unacknowledged` is the sum over all batches on record.
 * 4. Whatever came from an upstream that has closed is gone: while it is closed no job is on record
 *    and no credit is out.
 * 5. The credit that is out upstream is never below 0, and never exceeds the window with what waits
 *    unless lost execution managers gave tasks back: it is granted only into free room.
 * 6. `credit` is the sum over all assignees.
 * 7. An assignee is on record once, under its connection and its execution manager.
 * 8. An assignee's credit, with what it has not acknowledged, is within 0…LIMITS.assignmentCredit.
 * 9. An assignee's batches are numbered without gap up to `lastBatch`, none is empty or larger than
 *    LIMITS.tasksPerAssignmentBatch, and their sizes add up to `unacknowledgedTasks`.
 * 10. A draining assignee has neither credit nor batches.
 *
 * @throws InvariantError with the number of the first one that does not hold.
 */
export function validateState(state: DispatchState): void {
  checkJobs(state);
  checkUpstream(state);
  checkAssignees(state);
}

function checkJobs(state: DispatchState): void {
  const unacknowledged = new Map<object, number>();
  for (const { unacknowledged: batches } of state.assignees) {
    for (const { job, taskIndexes } of batches.flatMap(({ tasks }) => tasks)) {
      unacknowledged.set(job, (unacknowledged.get(job) ?? 0) + taskIndexes.length);
    }
  }
  let waiting = 0;
  for (const [jobId, job] of state.jobs) {
    waiting += job.waiting;
    check(2, job.jobId === jobId && !job.idle && !job.dropped, `job ${jobId}`);
    check(3, job.unacknowledged === (unacknowledged.get(job) ?? 0), `job ${jobId}`);
  }
  check(1, waiting === state.waiting, `${waiting} tasks wait, ${state.waiting} are counted`);
}

function checkUpstream({ upstreamOpen, jobs, upstreamCredit, window }: DispatchState): void {
  check(4, upstreamOpen || (jobs.size === 0 && upstreamCredit === 0), `${jobs.size} jobs`);
  check(5, upstreamCredit >= 0 && upstreamCredit <= window, `credit ${upstreamCredit}`);
}

function checkAssignees(state: DispatchState): void {
  let credit = 0;
  for (const assignee of state.assignees) {
    credit += assignee.credit;
    const { connection, executionManagerId } = assignee;
    check(7, state.byConnection.get(connection) === assignee, `connection ${connection}`);
    check(
      7,
      state.byExecutionManager.get(executionManagerId) === assignee,
      `execution manager ${executionManagerId}`,
    );
    checkAssignee(assignee);
  }
  check(6, credit === state.credit, `credits add up to ${credit}, ${state.credit} is counted`);
  check(7, state.byConnection.size === state.assignees.length, 'a connection is left over');
  check(7, state.byExecutionManager.size === state.assignees.length, 'one is left over');
  check(7, state.firstServed <= Math.max(0, state.assignees.length - 1), 'first served');
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
