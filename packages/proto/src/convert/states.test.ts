import { JobState, jobStateName, TaskOutcome } from '@spider/core';
import { describe, expect, it } from 'vitest';

import {
  JobState as WireJobState,
  TaskOutcome as WireTaskOutcome,
} from '../gen/spider/v1/task_graph_pb.ts';
import { JobState as ReferenceJobState } from '../gen/storage/storage_pb.ts';
import { fromWireJobState, toWireJobState } from './job-state.ts';
import { fromWireTaskOutcomes, toWireTaskOutcomes } from './task-outcome.ts';

describe('job states on the wire', () => {
  it.each(Object.values(JobState))('gives state %i the same name everywhere', (state) => {
    expect(WireJobState[toWireJobState(state)]).toBe(jobStateName(state));
    expect(ReferenceJobState[state]).toBe(jobStateName(state));
    expect(fromWireJobState(toWireJobState(state))).toBe(state);
  });

  it.each([0, 8, -1, 255])('refuses the number %i, which no state has', (number) => {
    expect(() => fromWireJobState(number)).toThrow(`does not exist: ${number}`);
  });
});

describe('task outcomes on the wire', () => {
  it.each(Object.entries(TaskOutcome))('has the same number for %s', (name, outcome) => {
    const wireName = name.replaceAll(/(?<=[a-z])[A-Z]/g, (letter) => `_${letter}`).toUpperCase();

    expect(WireTaskOutcome[outcome]).toBe(wireName);
  });

  it('takes a batch without a copy', () => {
    const outcomes = [WireTaskOutcome.SUCCEEDED, WireTaskOutcome.RELEASED];

    expect(fromWireTaskOutcomes(outcomes)).toBe(outcomes);
    expect(toWireTaskOutcomes([TaskOutcome.Failed])).toEqual([WireTaskOutcome.FAILED]);
  });

  it('names the first outcome of a batch that does not exist', () => {
    const outcomes = [WireTaskOutcome.SUCCEEDED, WireTaskOutcome.UNSPECIFIED];

    expect(() => fromWireTaskOutcomes(outcomes)).toThrow('outcomes[1]');
  });
});
