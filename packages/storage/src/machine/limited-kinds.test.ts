import { DEFAULT_EXECUTION_POLICY, encodeFrame, JobState, TaskGraphBuilder } from '@spider/core';
import type { TaskGraph, TaskKind, TimestampMs, TypeDescriptor } from '@spider/core';
import { describe, expect, test } from 'vitest';
import { JobMachine } from './job-machine.ts';

const BYTES: TypeDescriptor = { shared: false, value: { type: 'bytes' } };

const kind = (functionName: string): TaskKind => ({
  packageName: 'test',
  functionName,
  inputs: [BYTES],
  outputs: [BYTES],
  policy: DEFAULT_EXECUTION_POLICY,
});

/** Tasks of these functions, which depend on nothing. */
function graphOf(functions: readonly string[]): TaskGraph {
  const builder = new TaskGraphBuilder();
  const input = builder.addJobInput(BYTES);
  const kinds = new Map(functions.map((name) => [name, kind(name)]));
  for (const name of functions) {
    const kind = kinds.get(name);
    if (kind !== undefined) builder.addTask({ kind, sources: [{ from: 'job-input', input }] });
  }
  return builder.build();
}

function started(functions: readonly string[]): JobMachine {
  const machine = new JobMachine({
    name: 'job 1',
    graph: graphOf(functions),
    inputs: encodeFrame([new Uint8Array([0xc0])]),
    limitedKinds: new Set(['test/a', 'test/b', 'test/elsewhere']),
  });
  machine.handle({ type: 'start', request: 1, at: 1 as TimestampMs });
  machine.handle({ type: 'persisted', to: JobState.Running });
  return machine;
}

function take(machine: JobMachine, limit: number, rooms: Record<string, number> = {}): number[] {
  const taken: number[] = [];
  const count = machine.takeReady(limit, taken, (name) => rooms[name] ?? Infinity);
  expect(count).toBe(taken.length);
  machine.validateState();
  return taken;
}

function outOf(machine: JobMachine): Record<string, number> {
  const out: Record<string, number> = {};
  machine.visitLimitedKinds((name, count) => (out[name] = count));
  return out;
}

describe('tasks of limited kinds', () => {
  test('are given as far as there is room for their kind, and hold up no others', () => {
    const machine = started(['a', 'free', 'a', 'b', 'a', 'free']);
    expect(take(machine, 9, { 'test/a': 2, 'test/b': 0 })).toEqual([1, 5, 0, 2]);
    expect(outOf(machine)).toEqual({ 'test/a': 2, 'test/b': 0 });
    expect(take(machine, 9, { 'test/a': 0, 'test/b': -3 })).toEqual([]);
    expect(machine.hasReady).toBe(true);
    expect(take(machine, 1)).toEqual([4]);
    expect(take(machine, 9)).toEqual([3]);
  });

  test('count while they are handed out and while they run, and no longer', () => {
    const machine = started(['a', 'a', 'free']);
    take(machine, 9);
    machine.handle({ type: 'lease', executionManager: 1, taskIndices: [0], firstInstance: 10 });
    expect(outOf(machine)).toEqual({ 'test/a': 2 });
    expect(machine.outCount).toBe(3);
    machine.handle({ type: 'hand-outs-lost', taskIndices: [1] });
    expect(outOf(machine)).toEqual({ 'test/a': 1 });
    machine.handle({ type: 'execution-manager-lost', executionManager: 1 });
    expect(outOf(machine)).toEqual({ 'test/a': 0 });
    expect(machine.outCount).toBe(1);
    expect(take(machine, 9)).toEqual([1, 0]);
  });

  test('a job without any is as it would be without limits', () => {
    const machine = started(['free', 'free']);
    expect(take(machine, 9)).toEqual([0, 1]);
    expect(outOf(machine)).toEqual({});
  });
});
