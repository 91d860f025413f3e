import { DEFAULT_JOB_POLICY, JobState, TaskState, timestampMs } from '@spider/core';
import { expect, test } from 'vitest';
import { JobControlBlock } from './job-control-block.ts';
import { beginInstance } from './lease.ts';
import { graphOf } from '../../test/machine/graph-of.ts';
import { enterState } from './transition.ts';
import { validateState } from './validate-state.ts';

/** A running job of a chain of two tasks and a lone one. */
function runningJob(): JobControlBlock {
  const graph = graphOf([{}, { from: [0] }, {}], { commit: true, cleanup: true });
  const job = new JobControlBlock('job 7', graph, new Uint8Array(4), DEFAULT_JOB_POLICY);
  job.state = JobState.Running;
  enterState(job, []);
  validateState(job);
  return job;
}

const breakages: [number, string, (job: JobControlBlock) => void][] = [
  [1, 'a pending task has no unfinished parent', (job) => (job.unfinishedParents[1] = 0)],
  [1, 'a task is skipped though none has failed', (job) => job.moveTask(1, TaskState.Skipped)],
  [2, 'a running task has no instance', (job) => job.moveTask(1, TaskState.Running)],
  [
    2,
    'a task has more instances than it may',
    (job) => {
      beginInstance(job, 0, 1, 1);
      beginInstance(job, 0, 2, 1);
    },
  ],
  [2, 'a ready task has a winner', (job) => job.instances.win(0, 1)],
  [3, 'a count is off', (job) => (job.taskCounts[TaskState.Ready] = 7)],
  [4, 'a ready task is not queued', (job) => job.ready.remove(0)],
  [4, 'a pending task is queued', (job) => job.ready.push(1)],
  [
    4,
    'a task at its limit is queued',
    (job) => {
      beginInstance(job, 0, 1, 1);
      job.ready.push(0);
    },
  ],
  [6, 'a job that was not started has ready tasks', (job) => (job.state = JobState.Ready)],
  [
    7,
    'a state change is under way that is none',
    (job) => {
      job.pending = {
        to: JobState.Ready,
        at: timestampMs(0),
        outputs: undefined,
        message: undefined,
        endReason: undefined,
        request: undefined,
      };
    },
  ],
  [
    7,
    'a request waits for nothing',
    (job) => job.deferred.push({ type: 'cancel', request: 1, at: timestampMs(0) }),
  ],
  [8, 'a job commits before its tasks have succeeded', (job) => (job.state = JobState.CommitReady)],
  [
    9,
    'the commit task is ready too early',
    (job) => {
      job.taskState[job.commitRow] = TaskState.Ready;
      job.ready.push(job.commitRow);
    },
  ],
  [10, 'a ready task is slow', (job) => job.slow.add(0)],
  [
    11,
    'an output is dropped that is still to be read',
    (job) => {
      beginInstance(job, 0, 1, 1);
      job.instances.win(0, 1);
      job.moveTask(0, TaskState.Succeeded);
      job.unfinishedParents[1] = 0;
      job.moveTask(1, TaskState.Ready);
      job.ready.push(1);
    },
  ],
  [
    12,
    'outputs remain after the end',
    (job) => {
      job.state = JobState.Cancelled;
      enterState(job, []);
      job.jobOutputs = new Uint8Array(4);
    },
  ],
];

test.each(breakages)('invariant %i is broken when %s', (number, _what, breakJob) => {
  const job = runningJob();
  breakJob(job);
  expect(() => validateState(job)).toThrow(`invariant ${number}:`);
});
