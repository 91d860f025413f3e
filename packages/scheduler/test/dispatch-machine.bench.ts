// How many tasks a second the dispatch machine can assign: no I/O, no encoding, one core.
// node --conditions=@spider/source test/dispatch-machine.bench.ts

import { performance } from 'node:perf_hooks';

import type { ExecutionManagerId, SessionId } from '@spider/core';

import type { DispatchEvent } from '../src/machine/dispatch-event.ts';
import { DispatchMachine } from '../src/machine/dispatch-machine.ts';
import { GENERAL_PROFILE } from '../src/machine/execution-manager-profile.ts';
import { POLICIES, type PolicyName } from '../src/policy/policies.ts';

interface Shape {
  readonly name: string;
  readonly executionManagers: number;
  readonly jobs: number;
  /** Tasks of one job in one message. */
  readonly tasksAtOnce: number;
}

const SHAPES: readonly Shape[] = [
  { name: 'one wide job, one execution manager', executionManagers: 1, jobs: 1, tasksAtOnce: 1024 },
  { name: '24 jobs, 4 execution managers', executionManagers: 4, jobs: 24, tasksAtOnce: 64 },
  { name: '1,000 jobs, one task of each', executionManagers: 4, jobs: 1000, tasksAtOnce: 1 },
  { name: '24 jobs, 1,000 execution managers', executionManagers: 1000, jobs: 24, tasksAtOnce: 64 },
];

const TASKS = 10_000_000;
const RUNS = 5;
const WINDOW = 16 * 1024;

/** Assigns and acknowledges so many tasks. Answers tasks a second. */
function run({ executionManagers, jobs, tasksAtOnce }: Shape, policy: PolicyName): number {
  const machine = new DispatchMachine({ window: WINDOW, policy: POLICIES[policy] });
  let upstreamCredit = 0;
  let assigned = 0;
  const acknowledgements: DispatchEvent[] = [];
  const handle = (event: DispatchEvent): void => {
    for (const effect of machine.handle(event)) {
      if (effect.type === 'grant-credit') upstreamCredit += effect.tasks;
      if (effect.type !== 'send-batch') continue;
      const { connection, batch } = effect;
      let credit = 0;
      for (const { taskIndexes } of batch.tasks) credit += taskIndexes.length;
      assigned += credit;
      acknowledgements.push(
        { type: 'batches-acknowledged', connection, batch: batch.number },
        { type: 'credit-granted', connection, credit },
      );
    }
  };

  handle({ type: 'upstream-opened', sessionId: 1n as SessionId });
  for (let connection = 1; connection <= executionManagers; connection++) {
    const executionManagerId = BigInt(connection) as ExecutionManagerId;
    handle({ type: 'connected', connection, executionManagerId, profile: GENERAL_PROFILE });
    handle({ type: 'credit-granted', connection, credit: Math.max(16, 4096 / executionManagers) });
  }
  const taskIndexes = Uint32Array.from({ length: tasksAtOnce }, (_, at) => at);
  let job = 0;
  const start = performance.now();
  for (let left = TASKS; left > 0; left -= round()) assigned = 0;
  return (TASKS / (performance.now() - start)) * 1000;

  /** Answers how many tasks were assigned. */
  function round(): number {
    const tasks = [];
    for (let size = 0; size < 1024 && size + tasksAtOnce <= upstreamCredit; size += tasksAtOnce) {
      job = (job + 1) % jobs;
      tasks.push({ jobId: job + 1, resourceGroupId: 1, taskIndexes });
    }
    upstreamCredit -= tasks.length * tasksAtOnce;
    handle({ type: 'tasks-ready', pool: 1, tasks });
    handle({ type: 'deal' });
    for (const event of acknowledgements.splice(0)) handle(event);
    return assigned;
  }
}

for (const shape of SHAPES) {
  for (const policy of Object.keys(POLICIES) as PolicyName[]) {
    const rates = Array.from({ length: RUNS }, () => run(shape, policy)).sort((a, b) => a - b);
    const nsPerTask = 1e9 / (rates[RUNS >> 1] ?? 0);
    process.stdout.write(`${nsPerTask.toFixed(0).padStart(6)} ns/task  ${policy}, ${shape.name}\n`);
  }
}
