import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { TypeDescriptor } from '../value/type-descriptor.ts';
import { TaskGraphBuilder } from './task-graph-builder.ts';
import type { TaskSource, TaskSpec } from './task-spec.ts';
import { SOURCE_CONSTANT, SOURCE_JOB_INPUT, type TaskGraph } from './task-graph.ts';
import { graphFromRecipe } from './testing/graph-from-recipe.ts';
import { topologicalRanks } from './topological-rank.ts';

const graphs = fc.array(fc.nat({ max: 1_000 }), { maxLength: 300 }).map(graphFromRecipe);
const largeGraphs = fc
  .array(fc.nat({ max: 1_000 }), { minLength: 100, maxLength: 300 })
  .map(graphFromRecipe);

const STRANGE: TypeDescriptor = { shared: false, value: { type: 'struct', name: 'Strange' } };

describe('of any valid graph', () => {
  test('parents and children are each other’s inverse, distinct and in order', () => {
    fc.assert(
      fc.property(graphs, (graph) => {
        const children = new Map<number, number[]>();
        for (let task = 0; task < graph.taskCount; task++) {
          const parents = new Set([...dataParents(graph, task), ...orderParents(graph, task)]);
          expect(graph.parentCount[task]).toBe(parents.size);
          for (const parent of parents) {
            children.set(parent, [...(children.get(parent) ?? []), task]);
          }
        }
        for (let task = 0; task < graph.taskCount; task++) {
          const range = graph.child.slice(graph.childOffset[task], graph.childOffset[task + 1]);
          expect([...range]).toEqual(children.get(task) ?? []);
        }
      }),
    );
  });

  test('the default job outputs are the outputs that feed no one, of tasks that feed no one', () => {
    fc.assert(
      fc.property(graphs, (graph) => {
        const rebuilt = rebuild(graph).build();
        const feeding = new Set(tasks(graph).flatMap((task) => dataParents(graph, task)));
        const expected = tasks(graph)
          .filter((task) => !feeding.has(task))
          .flatMap((task) =>
            kindOf(graph, task).outputs.map(
              (_, position) => (graph.outputOffset[task] ?? 0) + position,
            ),
          );
        expect([...rebuilt.jobOutputSlots]).toEqual(expected);
      }),
    );
  });

  test('a task ranks above all its parents, and right above one of them', () => {
    fc.assert(
      fc.property(graphs, (graph) => {
        const ranks = topologicalRanks(graph);
        for (const task of tasks(graph)) {
          const parents = [...dataParents(graph, task), ...orderParents(graph, task)];
          const above = Math.max(-1, ...parents.map((parent) => ranks[parent] ?? 0));
          expect(ranks[task]).toBe(above + 1);
        }
      }),
    );
  });
});

/** Breaks one rule in the description of a task, and tells what the refusal must say. */
type Mutation = (graph: TaskGraph, task: number, spec: TaskSpec) => [TaskSpec, string] | undefined;

const MUTATIONS: Record<string, Mutation> = {
  'no instances': (_graph, _task, spec) => [
    withPolicy(spec, { maxInstances: 0 }),
    'invalid execution policy: maxInstances is 0',
  ],
  'a soft timeout that is too short': (_graph, _task, spec) => [
    withPolicy(spec, { softTimeoutMs: 99 }),
    'invalid timeout policy: softTimeoutMs is 99',
  ],
  'a hard timeout that is too long': (_graph, _task, spec) => [
    withPolicy(spec, { hardTimeoutMs: 86_400_001 }),
    'invalid timeout policy: hardTimeoutMs is 86400001',
  ],
  'a hard timeout that equals the soft one': (_graph, _task, spec) => [
    withPolicy(spec, { hardTimeoutMs: spec.kind.policy.softTimeoutMs }),
    'must be greater than softTimeoutMs',
  ],
  'one source too many': (_graph, _task, spec) => [
    { ...spec, sources: [...spec.sources, { from: 'constant', constant: 0 }] },
    `it has ${spec.sources.length} inputs, but ${spec.sources.length + 1} sources`,
  ],
  'one source too few': (_graph, _task, spec) =>
    spec.sources.length === 0
      ? undefined
      : [
          { ...spec, sources: spec.sources.slice(1) },
          `it has ${spec.sources.length} inputs, but ${spec.sources.length - 1} sources`,
        ],
  'a source that is the task itself': (_graph, task, spec) =>
    withFirstSource(
      spec,
      () => ({ from: 'task', task, position: 0 }),
      `input 0 comes from task ${task}, which is not an earlier task`,
    ),
  'a position that the source does not have': (graph, _task, spec) =>
    withFirstSource(
      spec,
      (source) => {
        if (source.from !== 'task') return undefined;
        return { ...source, position: kindOf(graph, source.task).outputs.length };
      },
      'input 0 comes from output',
    ),
  'an input of another type than its source': (_graph, _task, spec) => {
    const [source] = spec.sources;
    if (!source || source.from === 'constant') return undefined;
    const inputs = [STRANGE, ...spec.kind.inputs.slice(1)];
    return [{ ...spec, kind: { ...spec.kind, inputs } }, 'input 0 is of type struct "Strange"'];
  },
  'a job input that does not exist': (graph, _task, spec) =>
    withFirstSource(
      spec,
      () => ({ from: 'job-input', input: graph.jobInputs.length }),
      `job input ${graph.jobInputs.length}, which does not exist`,
    ),
  'a constant that does not exist': (graph, _task, spec) =>
    withFirstSource(
      spec,
      () => ({ from: 'constant', constant: graph.constants.length }),
      `constant ${graph.constants.length}, which does not exist`,
    ),
  'an ordering edge to a later task': (_graph, task, spec) => [
    { ...spec, after: [task + 1] },
    `it is to run after task ${task + 1}, which is not an earlier task`,
  ],
};

describe('a valid graph with one task that has', () => {
  test.each(Object.keys(MUTATIONS))('%s is refused at that task', (name) => {
    const mutate = MUTATIONS[name];
    fc.assert(
      fc.property(largeGraphs, fc.nat(), (graph, seed) => {
        // The first task, counted from a random one, that can have this fault.
        const candidates = tasks(graph).map((task) => (task + seed) % graph.taskCount);
        const mutations = candidates.map((task) => mutate?.(graph, task, specOf(graph, task)));
        const found = mutations.findIndex((mutation) => mutation !== undefined);
        const target = candidates[found];
        const mutation = mutations[found];
        fc.pre(target !== undefined && mutation !== undefined);
        const [spec, message] = mutation;
        const builder = rebuild(graph, target);
        const before = builder.build();
        const refused = (): unknown => builder.addTask(spec);
        expect(refused).toThrow(message);
        expect(refused).toThrow(`task ${target}: `);
        const { kinds: _, ...columns } = builder.build();
        expect(columns).toEqual({ ...before, kinds: undefined });
      }),
    );
  });
});

/** A builder with the graph's first tasks, or all of them. */
function rebuild(graph: TaskGraph, taskCount = graph.taskCount): TaskGraphBuilder {
  const builder = new TaskGraphBuilder();
  for (const type of graph.jobInputs) builder.addJobInput(type);
  for (const constant of graph.constants) builder.addConstant(constant);
  for (let task = 0; task < taskCount; task++) builder.addTask(specOf(graph, task));
  return builder;
}

function specOf(graph: TaskGraph, task: number): TaskSpec {
  const sources: TaskSource[] = [];
  const end = graph.inputOffset[task + 1] ?? 0;
  for (let input = graph.inputOffset[task] ?? 0; input < end; input++) {
    const source = graph.sourceTask[input] ?? 0;
    const slot = graph.sourceSlot[input] ?? 0;
    if (source === SOURCE_JOB_INPUT) sources.push({ from: 'job-input', input: slot });
    else if (source === SOURCE_CONSTANT) sources.push({ from: 'constant', constant: slot });
    else sources.push({ from: 'task', task: source, position: slot });
  }
  return { kind: kindOf(graph, task), sources, after: orderParents(graph, task) };
}

function withPolicy(spec: TaskSpec, policy: Partial<TaskSpec['kind']['policy']>): TaskSpec {
  const { kind } = spec;
  return { ...spec, kind: { ...kind, policy: { ...kind.policy, ...policy } } };
}

function withFirstSource(
  spec: TaskSpec,
  replace: (source: TaskSource) => TaskSource | undefined,
  message: string,
): [TaskSpec, string] | undefined {
  const [first, ...others] = spec.sources;
  const replacement = first && replace(first);
  return replacement && [{ ...spec, sources: [replacement, ...others] }, message];
}

const tasks = (graph: TaskGraph): number[] => [...new Uint32Array(graph.taskCount).keys()];

const dataParents = (graph: TaskGraph, task: number): number[] =>
  Array.from(
    graph.sourceTask.subarray(graph.inputOffset[task], graph.inputOffset[task + 1]),
  ).filter((source) => source < SOURCE_CONSTANT);

const orderParents = (graph: TaskGraph, task: number): number[] =>
  Array.from(graph.orderTask.subarray(graph.orderOffset[task], graph.orderOffset[task + 1]));

const kindOf = (graph: TaskGraph, task: number): TaskGraph['kinds'][number] =>
  graph.kinds[graph.taskKind[task] ?? 0]!;
