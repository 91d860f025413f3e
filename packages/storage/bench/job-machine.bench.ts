// How fast the job machine completes tasks, and what a large job takes in memory. Run it with
//   node --expose-gc --conditions=@spider/source bench/job-machine.bench.ts
import { encodeFrame, JobState, TaskOutcome, timestampMs, type TaskGraph } from '@spider/core';
import { independentGraph, layeredGraph } from '@spider/core/testing';
import type { ContextsEffect, JobEffect } from '../src/machine/job-effect.ts';
import { JobMachine } from '../src/machine/job-machine.ts';

const BATCH = 256;
const OUTPUT = new Uint8Array(9).fill(0xcb);
const OUTPUT_FRAME = encodeFrame([OUTPUT]);
const AT = timestampMs(1);

interface Report {
  readonly instances: number;
  readonly taskIndices: number[];
}

const print = (line: string): void => void process.stdout.write(`${line}\n`);

function inputsOf(graph: TaskGraph): Uint8Array {
  return encodeFrame(graph.jobInputs.map(() => OUTPUT));
}

function started(graph: TaskGraph): JobMachine {
  const machine = new JobMachine({ name: 'job 1', graph, inputs: inputsOf(graph) });
  machine.handle({ type: 'start', request: 1, at: AT });
  machine.handle({ type: 'persisted', to: JobState.Running });
  return machine;
}

function payloadsOf(count: number): Uint8Array {
  const payloads = new Uint8Array(count * OUTPUT_FRAME.length);
  for (let i = 0; i < count; i++) payloads.set(OUTPUT_FRAME, i * OUTPUT_FRAME.length);
  return payloads;
}

const offsets = Array.from({ length: BATCH }, (_, i) => i);
const outcomes = offsets.map(() => TaskOutcome.Succeeded);
const lengths = offsets.map(() => OUTPUT_FRAME.length);
const payloads = payloadsOf(BATCH);

function report(
  machine: JobMachine,
  { instances, taskIndices }: Report,
  effects: JobEffect[],
): void {
  machine.handle(
    {
      type: 'report',
      at: AT,
      executionManager: 1,
      taskIndices,
      instanceBase: instances,
      instanceOffsets: offsets,
      outcomes,
      payloadLengths: lengths,
      payloads,
      startedBaseMs: 0,
      startedOffsetsMs: offsets,
      elapsedUs: offsets,
    },
    effects,
  );
}

function contexts(effects: readonly JobEffect[]): ContextsEffect {
  const found = effects.find((effect) => effect.type === 'contexts');
  if (found === undefined) throw new Error('no contexts');
  return found;
}

/** Completes a job; a few batches are out at the same time. */
function complete(machine: JobMachine, batchesInFlight: number): void {
  const out: Report[] = [];
  let nextInstance = 1;
  while (machine.state === JobState.Running) {
    while (out.length < batchesInFlight && machine.hasReady) {
      const taskIndices: number[] = [];
      machine.takeReady(BATCH, taskIndices);
      const leased = contexts(
        machine.handle({
          type: 'lease',
          executionManager: 1,
          taskIndices,
          firstInstance: nextInstance,
        }),
      );
      out.push({ instances: nextInstance, taskIndices: leased.taskIndices });
      nextInstance += leased.taskIndices.length;
    }
    const effects: JobEffect[] = [];
    const next = out.shift();
    if (next !== undefined) report(machine, next, effects);
    for (const effect of effects) {
      if (effect.type === 'persist') machine.handle({ type: 'persisted', to: effect.to });
    }
  }
}

function benchmark(name: string, graph: TaskGraph, runs: number): void {
  const rates: number[] = [];
  for (let run = 0; run < runs; run++) {
    const machine = started(graph);
    const begin = process.threadCpuUsage();
    complete(machine, 4);
    const { user, system } = process.threadCpuUsage(begin);
    rates.push(graph.taskCount / (user + system));
  }
  rates.sort((a, b) => a - b);
  const median = rates[runs >> 1] ?? Number.NaN;
  print(
    `${name}: ${graph.taskCount} tasks, median ${median.toFixed(2)} million completions a CPU second,` +
      ` best ${(rates.at(-1) ?? Number.NaN).toFixed(2)}`,
  );
}

function memory(name: string, graph: TaskGraph): void {
  const collect = (globalThis as { gc?: () => void }).gc;
  if (collect === undefined) return;
  const inputs = inputsOf(graph);
  const used = (): number => {
    collect();
    const { heapUsed, arrayBuffers } = process.memoryUsage();
    return heapUsed + arrayBuffers;
  };
  const before = used();
  const machine = new JobMachine({ name: 'job 1', graph, inputs });
  const after = used();
  print(`${name}: ${((after - before) / 1e6).toFixed(1)} MB beside graph and inputs`);
  if (machine.state !== JobState.Ready) throw new Error('not ready');
}

benchmark(
  '20 × 5,000, 3 parents',
  layeredGraph({ layers: 20, width: 5_000, inputsPerTask: 3 }),
  15,
);
benchmark('10 × 1,000, 25 parents', layeredGraph(), 15);
benchmark('independent', independentGraph(100_000), 15);
memory('10^6 tasks', layeredGraph({ layers: 20, width: 50_000, inputsPerTask: 3 }));
