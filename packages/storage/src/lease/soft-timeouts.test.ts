import { DEFAULT_EXECUTION_POLICY, encodeFrame, toId } from '@spider/core';
import type { JobId, ResourceGroupId, TerminationTask, TimestampMs } from '@spider/core';
import { ManualClock } from '@spider/runtime/testing';
import { expect, test } from 'vitest';
import { Job } from '../cache/job.ts';
import type { ContextsEffect } from '../machine/job-effect.ts';
import { JobMachine } from '../machine/job-machine.ts';
import { chain } from '../testing/graphs.ts';
import { SoftTimeouts } from './soft-timeouts.ts';

const INPUTS = encodeFrame([new Uint8Array(1)]);

const newJob = (id: number): Job =>
  new Job({
    id: toId<JobId>(id),
    resourceGroupId: toId<ResourceGroupId>(1),
    machine: new JobMachine({ name: `job ${id}`, graph: chain(1), inputs: INPUTS }),
    submittedAt: 1 as TimestampMs,
  });

const kind = (softTimeoutMs: number): TerminationTask => ({
  packageName: 'test',
  functionName: 'slow',
  policy: { ...DEFAULT_EXECUTION_POLICY, softTimeoutMs },
});

const contexts = (
  taskIndices: number[],
  firstInstance: number,
  timeoutsMs: number[],
): ContextsEffect => ({
  type: 'contexts',
  executionManager: 1,
  taskIndices,
  firstInstance,
  kinds: timeoutsMs.map(kind),
  kindPositions: taskIndices.map((_, position) => position % timeoutsMs.length),
  inputLengths: taskIndices.map(() => 0),
  inputs: new Uint8Array(0),
  left: 0,
});

function start() {
  const clock = new ManualClock();
  const due: unknown[] = [];
  const timeouts = new SoftTimeouts({
    clock,
    onDue: (job, { taskIndices, instances }) =>
      due.push([job.number, [...taskIndices], [...instances]]),
  });
  return { clock, due, timeouts };
}

test('instances come due when the soft timeouts of their tasks have passed', () => {
  const { clock, due, timeouts } = start();
  timeouts.add(newJob(1), contexts([7, 8, 9], 100, [1000, 500]));
  clock.advance(499);
  expect(due).toEqual([]);
  clock.advance(1);
  expect(due).toEqual([[1, [8], [101]]]);
  clock.advance(500);
  expect(due.slice(1)).toEqual([[1, [7, 9], [100, 102]]]);
  expect(clock.pendingTimers).toBe(0);
});

test('instances that are found again have what is left of their time', () => {
  const { clock, due, timeouts } = start();
  const { softTimeoutMs } = DEFAULT_EXECUTION_POLICY;
  const found = (instance: number) => ({
    taskIndices: Uint32Array.of(0),
    instances: Float64Array.of(instance),
  });
  timeouts.resume(newJob(1), found(100), softTimeoutMs - 300);
  timeouts.resume(newJob(2), found(200), softTimeoutMs + 5000);
  clock.advance(0);
  expect(due).toEqual([[2, [0], [200]]]);
  clock.advance(299);
  expect(due).toHaveLength(1);
  clock.advance(1);
  expect(due.slice(1)).toEqual([[1, [0], [100]]]);
});

test('those of a job that has ended do not', () => {
  const { clock, due, timeouts } = start();
  const [ended, running] = [newJob(1), newJob(2)];
  timeouts.add(ended, contexts([0], 100, [1000]));
  timeouts.add(running, contexts([0], 200, [1000]));
  timeouts.forget(ended);
  clock.advance(1000);
  expect(due).toEqual([[2, [0], [200]]]);
});

test('after the end of the service none does', () => {
  const { clock, due, timeouts } = start();
  timeouts.add(newJob(1), contexts([0], 100, [1000]));
  timeouts[Symbol.dispose]();
  clock.advance(1000);
  expect(due).toEqual([]);
  expect(clock.pendingTimers).toBe(0);
});
