import { invalidArgument, SOURCE_CONSTANT, type TaskGraph, topologicalRanks } from '@spider/core';

export const GRAPH_FORMATS = ['text', 'mermaid', 'dot'] as const;
export type GraphFormat = (typeof GRAPH_FORMATS)[number];

/** More than that nobody can look at. */
const DRAWN_TASKS_MAX = 2_000;

/**
 * A task graph for people: as text its layers, each function with how many tasks of it there are; for
 * Mermaid and Graphviz every task and every edge.
 *
 * @throws SpiderError 'invalid-argument' for a drawing of more than 2,000 tasks.
 */
export function drawGraph(graph: TaskGraph, format: GraphFormat): string {
  if (format === 'text') return layers(graph);
  if (graph.taskCount > DRAWN_TASKS_MAX) {
    throw invalidArgument(
      `the graph has ${graph.taskCount} tasks, and more than ${DRAWN_TASKS_MAX} cannot be drawn: see --format text`,
    );
  }
  return format === 'mermaid' ? mermaid(graph) : dot(graph);
}

function layers(graph: TaskGraph): string {
  const ranks = topologicalRanks(graph);
  const counts: Map<string, number>[] = [];
  for (let task = 0; task < graph.taskCount; task += 1) {
    const layer = (counts[ranks[task] ?? 0] ??= new Map<string, number>());
    const name = functionOf(graph, task);
    layer.set(name, (layer.get(name) ?? 0) + 1);
  }
  const lines = counts.map((layer, rank) => {
    const kinds = [...layer].map(([name, count]) => (count === 1 ? name : `${count} × ${name}`));
    return `${String(rank).padStart(4)}  ${kinds.join(', ')}`;
  });
  return [
    `${graph.taskCount} tasks, ${edges(graph).length} edges, ${counts.length} layers`,
    ...lines,
  ].join('\n');
}

function mermaid(graph: TaskGraph): string {
  return [
    'flowchart TD',
    ...tasksOf(graph).map((task) => `  t${task}["${task} ${functionOf(graph, task)}"]`),
    ...edges(graph).map(([from, to, isData]) => `  t${from} ${isData ? '-->' : '-.->'} t${to}`),
  ].join('\n');
}

function dot(graph: TaskGraph): string {
  return [
    'digraph job {',
    ...tasksOf(graph).map((task) => `  t${task} [label="${task} ${functionOf(graph, task)}"];`),
    ...edges(graph).map(
      ([from, to, isData]) => `  t${from} -> t${to}${isData ? '' : ' [style=dashed]'};`,
    ),
    '}',
  ].join('\n');
}

const tasksOf = ({ taskCount }: TaskGraph): readonly number[] =>
  Array.from({ length: taskCount }, (_, task) => task);

function functionOf({ kinds, taskKind }: TaskGraph, task: number): string {
  const kind = kinds[taskKind[task] ?? 0];
  return `${kind?.packageName}/${kind?.functionName}`.replaceAll('"', "'");
}

/** Parent, child, and whether the child takes an output; each pair once. */
function edges(graph: TaskGraph): readonly (readonly [number, number, boolean])[] {
  const found: [number, number, boolean][] = [];
  for (let task = 0; task < graph.taskCount; task += 1) {
    const data = range(graph.inputOffset, task).map((input) => graph.sourceTask[input] ?? 0);
    const parents = new Set(data.filter((parent) => parent < SOURCE_CONSTANT));
    const order = range(graph.orderOffset, task).map((edge) => graph.orderTask[edge] ?? 0);
    for (const parent of parents) found.push([parent, task, true]);
    for (const parent of order) if (!parents.has(parent)) found.push([parent, task, false]);
  }
  return found;
}

function range(offsets: Uint32Array, task: number): readonly number[] {
  const start = offsets[task] ?? 0;
  return Array.from({ length: (offsets[task + 1] ?? 0) - start }, (_, at) => start + at);
}
