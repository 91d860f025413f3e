import { decodeFrame, JobState, TaskOutcome, timestampMs } from '@spider/core';
import { type ContextsEffect, type JobEffect, JobMachine } from '@spider/storage/job-machine';
import { type BenchResult, median } from '../bench-result.ts';
import type { Suite } from '../suite.ts';
import { CANNED_OUTPUTS, verifyCannedOutputs } from '../workload/canned-outputs.ts';
import { floatWorkload, type Workload } from '../workload/workload.ts';
import { LAYERED } from './closed-form.ts';

const BATCH = 256;
const BATCHES_IN_FLIGHT = 4;
const WARM_UP_TASKS = 500_000;
const AT = timestampMs(1);

const offsets = Array.from({ length: BATCH }, (_, i) => i);
const outcomes = offsets.map(() => TaskOutcome.Succeeded);
const lengths = offsets.map(() => CANNED_OUTPUTS.length);
const payloads = Buffer.concat(offsets.map(() => CANNED_OUTPUTS));

/** No I/O: leases and reports in batches of 256, four of them out at the same time. */
export const engine: Suite = {
  name: 'engine',
  summary: 'the job machine alone: leases and reports in batches, no I/O',
  run: async function* run({ runs }) {
    for (const [name, makeGraph] of Object.entries(LAYERED)) {
      yield measure(floatWorkload(name, makeGraph()), runs);
    }
  },
};

/** Completes a job on a machine of its own, and verifies its outputs. */
export function completeOnce(workload: Workload): {
  readonly seconds: number;
  readonly cpuUs: number;
} {
  const machine = started(workload);
  const cpu = process.cpuUsage();
  const startMs = performance.now();
  const outputs = complete(machine);
  const elapsedMs = performance.now() - startMs;
  const { user, system } = process.cpuUsage(cpu);
  verify(machine, outputs, workload);
  return { seconds: elapsedMs / 1000, cpuUs: user + system };
}

function measure(workload: Workload, runs: number): BenchResult {
  const tasks = workload.graph.taskCount;
  const warmUpRuns = Math.ceil(WARM_UP_TASKS / tasks);
  const seconds: number[] = [];
  const cpuUs: number[] = [];
  for (let run = -warmUpRuns; run < runs; run++) {
    const once = completeOnce(workload);
    if (run < 0) continue;
    seconds.push(once.seconds);
    cpuUs.push(once.cpuUs / tasks);
  }
  return {
    suite: 'engine',
    workload: workload.name,
    engine: 'job machine',
    durability: 'none',
    tasks,
    edges: workload.edges,
    seconds: median(seconds),
    tasksPerSecond: tasks / median(seconds),
    cpuMicrosPerTask: { machine: median(cpuUs) },
    peakRssMb: { machine: Math.round(process.resourceUsage().maxRSS / 1024) },
    verified: true,
    runs,
  };
}

function started({ graph, inputs }: Workload): JobMachine {
  const machine = new JobMachine({ name: 'job 1', graph, inputs });
  machine.handle({ type: 'start', request: 1, at: AT });
  machine.handle({ type: 'persisted', to: JobState.Running });
  return machine;
}

/** Completes a job, and answers its outputs. */
function complete(machine: JobMachine): Uint8Array | undefined {
  const inFlight: ContextsEffect[] = [];
  let outputs: Uint8Array | undefined;
  let nextInstance = 1;
  while (machine.state === JobState.Running) {
    while (inFlight.length < BATCHES_IN_FLIGHT && machine.hasReady) {
      const leased = lease(machine, nextInstance);
      nextInstance += leased.taskIndices.length;
      inFlight.push(leased);
    }
    const effects: JobEffect[] = [];
    const next = inFlight.shift();
    if (next === undefined) throw new Error('the job waits for nothing and has not ended');
    report(machine, next, effects);
    for (const effect of effects) {
      if (effect.type !== 'persist') continue;
      outputs = effect.outputs;
      machine.handle({ type: 'persisted', to: effect.to });
    }
  }
  return outputs;
}

function lease(machine: JobMachine, firstInstance: number): ContextsEffect {
  const taskIndices: number[] = [];
  machine.takeReady(BATCH, taskIndices);
  const effects = machine.handle({
    type: 'lease',
    executionManager: 1,
    taskIndices,
    firstInstance,
  });
  const contexts = effects.find((effect) => effect.type === 'contexts');
  if (contexts === undefined) throw new Error('the machine refused leases of ready tasks');
  return contexts;
}

function report(machine: JobMachine, leased: ContextsEffect, effects: JobEffect[]): void {
  const { taskIndices, firstInstance } = leased;
  const count = taskIndices.length;
  const columnOf = (whole: number[]): number[] => (count === BATCH ? whole : whole.slice(0, count));
  machine.handle(
    {
      type: 'report',
      at: AT,
      executionManager: 1,
      taskIndices,
      instanceBase: firstInstance,
      instanceOffsets: columnOf(offsets),
      outcomes: columnOf(outcomes),
      payloadLengths: columnOf(lengths),
      payloads: payloads.subarray(0, count * CANNED_OUTPUTS.length),
      startedBaseMs: 0,
      startedOffsetsMs: columnOf(offsets),
      elapsedUs: columnOf(offsets),
    },
    effects,
  );
}

/** Nobody has run the tasks, and so the job's outputs are the ones that were reported. */
function verify(machine: JobMachine, outputs: Uint8Array | undefined, workload: Workload): void {
  const { totalTasks, succeededTasks } = machine.progress();
  if (machine.state !== JobState.Succeeded || succeededTasks !== totalTasks) {
    throw new Error(`${workload.name}: ${succeededTasks} of ${totalTasks} tasks succeeded`);
  }
  verifyCannedOutputs(outputs === undefined ? [] : decodeFrame(outputs), workload);
}
