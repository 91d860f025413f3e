import { DEFAULT_EXECUTION_POLICY, TaskGraphBuilder, type TaskGraph } from '@spider/core';
import { describe, expect, it } from 'vitest';
import { drawGraph } from './draw-graph.ts';

const FLOAT = { shared: false, value: { type: 'float64' } } as const;

function graphOf(middle: number): TaskGraph {
  const builder = new TaskGraphBuilder();
  const kind = (functionName: string) => ({
    packageName: 'p',
    functionName,
    inputs: functionName === 'first' ? [] : [FLOAT],
    outputs: [FLOAT],
    policy: DEFAULT_EXECUTION_POLICY,
  });
  const first = builder.addTask({ kind: kind('first'), sources: [] });
  const tasks = Array.from({ length: middle }, () =>
    builder.addTask({
      kind: kind('next'),
      sources: [{ from: 'task', task: first, position: 0 }],
    }),
  );
  builder.addTask({ kind: kind('first'), sources: [], after: tasks.slice(0, 1) });
  return builder.build();
}

describe('a task graph', () => {
  it('as text is its layers, with how many tasks of a function are in each', () => {
    expect(drawGraph(graphOf(10_000), 'text')).toBe(
      [
        '10002 tasks, 10001 edges, 3 layers',
        '   0  p/first',
        '   1  10000 × p/next',
        '   2  p/first',
      ].join('\n'),
    );
  });

  it('for Mermaid and Graphviz is every task and edge, dashed where no output is taken', () => {
    expect(drawGraph(graphOf(1), 'mermaid').split('\n').slice(1)).toEqual([
      '  t0["0 p/first"]',
      '  t1["1 p/next"]',
      '  t2["2 p/first"]',
      '  t0 --> t1',
      '  t1 -.-> t2',
    ]);
    expect(drawGraph(graphOf(1), 'dot')).toContain('  t1 -> t2 [style=dashed];\n}');
  });

  it('of more tasks than anybody can look at is not drawn', () => {
    expect(() => drawGraph(graphOf(2_000), 'dot')).toThrow(
      /^the graph has 2002 tasks, .*--format text/,
    );
  });
});
