import { describe, expect, it } from 'vitest';
import { parseExecutionRecord, type TaskExecution } from './execution-record.ts';
import { criticalPathSeconds, makespanLowerBoundSeconds } from './makespan-bound.ts';
import { verifyTrace } from './verify-trace.ts';
import { parseWorkflowTrace } from './workflow-trace.ts';

interface Entry {
  readonly id: string;
  readonly seconds: number;
  readonly parents?: readonly string[];
  readonly children?: readonly string[];
}

function traceText(entries: readonly Entry[]): string {
  return JSON.stringify({
    name: 'test',
    workflow: {
      specification: {
        tasks: entries.map(({ id, parents, children }) => ({ id, parents, children })),
      },
      execution: {
        tasks: entries.map(({ id, seconds }) => ({ id, runtimeInSeconds: seconds })),
      },
    },
  });
}

const diamond: readonly Entry[] = [
  { id: 'end', seconds: 1, parents: ['left', 'right'] },
  { id: 'left', seconds: 5, parents: ['start'] },
  { id: 'right', seconds: 2, parents: ['start'] },
  { id: 'start', seconds: 1, parents: [] },
];

describe('a workflow trace', () => {
  it('is read in an order in which parents come before their children', () => {
    const trace = parseWorkflowTrace(traceText(diamond));
    expect(trace.tasks.map((task) => task.id)).toEqual(['start', 'left', 'right', 'end']);
    expect(trace.tasks.map((task) => task.parents)).toEqual([[], [0], [0], [1, 2]]);
  });

  it('may name its edges from either end', () => {
    const trace = parseWorkflowTrace(
      traceText([
        { id: 'a', seconds: 1, children: ['b'] },
        { id: 'b', seconds: 1, children: [] },
      ]),
    );
    expect(trace.tasks[1]?.parents).toEqual([0]);
  });

  it.each([
    ['not JSON', '{', 'not JSON'],
    ['no workflow', '{}', 'workflow: expected an object'],
    ['no task', traceText([]), 'no task to run'],
    ['an id twice', traceText([diamond[3] as Entry, diamond[3] as Entry]), 'comes twice'],
    ['an unknown parent', traceText([{ id: 'a', seconds: 1, parents: ['b'] }]), 'no task "b"'],
    ['a negative runtime', traceText([{ id: 'a', seconds: -1 }]), 'expected seconds from 0'],
    [
      'a cycle',
      traceText([
        { id: 'a', seconds: 1, parents: ['b'] },
        { id: 'b', seconds: 1, parents: ['a'] },
      ]),
      'form a cycle',
    ],
  ])('with %s is refused, and the place is named', (_name, text, message) => {
    expect(() => parseWorkflowTrace(text)).toThrow(message);
  });
});

describe('the lower bound of a makespan', () => {
  const trace = parseWorkflowTrace(traceText(diamond));

  it('is the critical path when slots are plenty', () => {
    expect(criticalPathSeconds(trace)).toBe(7);
    expect(makespanLowerBoundSeconds(trace, 8)).toBe(7);
  });

  it('is the work shared out when they are not', () => {
    expect(makespanLowerBoundSeconds(trace, 1)).toBe(9);
  });
});

describe('the check of a run', () => {
  const trace = parseWorkflowTrace(traceText(diamond));
  const right: readonly TaskExecution[] = parseExecutionRecord(
    '0 10 20\n1 20 30\n2 21 29\n3 31 40\n',
  );

  it('finds nothing in a run that was right', () => {
    expect(verifyTrace(trace, right)).toEqual([]);
  });

  it('finds a task that did not run', () => {
    expect(verifyTrace(trace, right.slice(1))).toEqual(['task start ran 0 times']);
  });

  it('finds a task that ran twice', () => {
    const twice = [...right, ...right.slice(3)];
    expect(verifyTrace(trace, twice)).toEqual(['task end ran 2 times']);
  });

  it('finds a task that started before its parent had ended', () => {
    const early = parseExecutionRecord('0 10 20\n1 19 30\n2 21 29\n3 31 40\n');
    expect(verifyTrace(trace, early)).toEqual(['task left started before its parent start ended']);
  });

  it('spells out ten findings at the most', () => {
    const none = parseWorkflowTrace(
      traceText(Array.from({ length: 30 }, (_, index) => ({ id: `t${index}`, seconds: 0 }))),
    );
    expect(verifyTrace(none, [])).toHaveLength(11);
    expect(verifyTrace(none, []).at(-1)).toBe('… and 20 more');
  });

  it('refuses a damaged record', () => {
    expect(() => parseExecutionRecord('0 10\n')).toThrow('damaged line: 0 10');
  });
});
