import { invalidArgument } from '@spider/core';

/** A recorded workflow, its tasks numbered so that parents come before their children. */
export interface WorkflowTrace {
  readonly name: string;
  readonly tasks: readonly TraceTask[];
}

export interface TraceTask {
  readonly id: string;
  /** What the task took when it was recorded, in seconds. */
  readonly runtimeSeconds: number;
  /** Positions of its parents in `WorkflowTrace.tasks`, ascending and distinct. */
  readonly parents: readonly number[];
}

/**
 * Reads a workflow trace in WfFormat 1.5, the format of the WfCommons collection.
 *
 * Takes the edges from `parents` and `children` alike, as some collections fill in only one of them.
 *
 * @throws SpiderError 'invalid-argument' naming the place in the file.
 */
export function parseWorkflowTrace(text: string): WorkflowTrace {
  const root = object(parseJson(text), 'the file');
  const workflow = object(root['workflow'], 'workflow');
  const specified = array(at(workflow, 'specification', 'tasks'), 'workflow.specification.tasks');
  const runtimes = readRuntimes(
    array(at(workflow, 'execution', 'tasks'), 'workflow.execution.tasks'),
  );
  const numberOf = new Map<string, number>();
  const tasks = specified.map((entry, position) => {
    const where = `workflow.specification.tasks[${position}]`;
    const task = object(entry, where);
    const id = string(task['id'], `${where}.id`);
    if (numberOf.has(id)) throw invalidArgument(`${where}.id: ${JSON.stringify(id)} comes twice`);
    numberOf.set(id, position);
    return { id, task, where };
  });
  if (tasks.length === 0) throw invalidArgument('workflow.specification.tasks: no task to run');

  const parents = tasks.map(() => new Set<number>());
  for (const [position, { task, where }] of tasks.entries()) {
    for (const parent of references(task['parents'], `${where}.parents`, numberOf)) {
      parents[position]?.add(parent);
    }
    for (const child of references(task['children'], `${where}.children`, numberOf)) {
      parents[child]?.add(position);
    }
  }
  const order = topologicalOrder(parents);
  const rank = new Map(order.map((position, index) => [position, index]));
  return {
    name: typeof root['name'] === 'string' ? root['name'] : 'trace',
    tasks: order.map((position) => {
      const id = tasks[position]?.id ?? '';
      const runtimeSeconds = runtimes.get(id);
      if (runtimeSeconds === undefined) {
        throw invalidArgument(`workflow.execution.tasks: no runtime for ${JSON.stringify(id)}`);
      }
      const ranks = [...(parents[position] ?? [])].map((parent) => rank.get(parent) ?? 0);
      return { id, runtimeSeconds, parents: ranks.sort((a, b) => a - b) };
    }),
  };
}

function readRuntimes(entries: readonly unknown[]): Map<string, number> {
  const runtimes = new Map<string, number>();
  for (const [position, entry] of entries.entries()) {
    const where = `workflow.execution.tasks[${position}]`;
    const task = object(entry, where);
    const seconds = task['runtimeInSeconds'];
    if (typeof seconds !== 'number' || !(seconds >= 0) || !Number.isFinite(seconds)) {
      throw invalidArgument(`${where}.runtimeInSeconds: expected seconds from 0`);
    }
    runtimes.set(string(task['id'], `${where}.id`), seconds);
  }
  return runtimes;
}

/** Kahn's algorithm: roots first, every parent before its children. */
function topologicalOrder(parents: readonly ReadonlySet<number>[]): number[] {
  const children = parents.map((): number[] => []);
  const missing = parents.map((set) => set.size);
  for (const [task, set] of parents.entries()) {
    for (const parent of set) children[parent]?.push(task);
  }
  const order = missing.flatMap((count, task) => (count === 0 ? [task] : []));
  for (let next = 0; next < order.length; next++) {
    for (const child of children[order[next] ?? 0] ?? []) {
      const left = (missing[child] ?? 0) - 1;
      missing[child] = left;
      if (left === 0) order.push(child);
    }
  }
  if (order.length < parents.length) {
    throw invalidArgument('workflow.specification.tasks: the parents form a cycle');
  }
  return order;
}

function references(
  value: unknown,
  where: string,
  numberOf: ReadonlyMap<string, number>,
): number[] {
  if (value === undefined) return [];
  return array(value, where).map((entry, position) => {
    const id = string(entry, `${where}[${position}]`);
    const task = numberOf.get(id);
    if (task === undefined) {
      throw invalidArgument(`${where}[${position}]: there is no task ${JSON.stringify(id)}`);
    }
    return task;
  });
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw invalidArgument(`the file is not JSON: ${cause instanceof Error ? cause.message : ''}`);
  }
}

function at(value: Record<string, unknown>, first: string, second: string): unknown {
  return object(value[first], `workflow.${first}`)[second];
}

function object(value: unknown, where: string): Record<string, unknown> {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) {
    return value as Record<string, unknown>;
  }
  throw invalidArgument(`${where}: expected an object; is this a WfFormat 1.5 trace?`);
}

function array(value: unknown, where: string): readonly unknown[] {
  if (Array.isArray(value)) return value;
  throw invalidArgument(`${where}: expected an array; is this a WfFormat 1.5 trace?`);
}

function string(value: unknown, where: string): string {
  if (typeof value === 'string' && value !== '') return value;
  throw invalidArgument(`${where}: expected a text`);
}
