// The workloads, of the same shape and values as those of Spider's own suites: the value of a task is 1
// more than the sum of its inputs.
const MODULUS = 1_000_003;
const LAYERS = 20;
const WIDTH = 500;
const TASKS = 10_000;
const HOPS = 1_000;

/** What a task gives for its inputs. */
export function valueOf(inputs) {
  let sum = 1;
  for (const input of inputs) sum += input;
  return sum % MODULUS;
}

/** Tasks in an order in which parents come first; those without parents take some constants. */
function workload(name, tasks) {
  const values = [];
  for (const { parents, constants } of tasks) {
    values.push(valueOf(parents.length === 0 ? constants : parents.map((task) => values[task])));
  }
  const isParent = new Set(tasks.flatMap(({ parents }) => parents));
  const outputs = [...tasks.keys()].filter((task) => !isParent.has(task));
  return { name, tasks, values, outputs };
}

const root = (...constants) => ({ parents: [], constants });
const child = (...parents) => ({ parents, constants: [] });

function layered() {
  const tasks = [];
  for (let layer = 0; layer < LAYERS; layer++) {
    for (let place = 0; place < WIDTH; place++) {
      const inputs = [0, 1, 2];
      if (layer === 0) tasks.push(root(...inputs.map((input) => (place * 3 + input) % 10)));
      else {
        const before = (layer - 1) * WIDTH;
        tasks.push(child(...inputs.map((input) => before + ((place * 7 + input * 13) % WIDTH))));
      }
    }
  }
  return tasks;
}

const roots = Array.from({ length: TASKS }, (_, task) => root(task % 10));

export const WORKLOADS = [
  workload('flat-10k', roots),
  workload('fan-in-10k', [...roots, child(...roots.keys())]),
  workload('layered-10k', layered()),
  workload(
    'chain-1000',
    Array.from({ length: HOPS }, (_, task) => (task === 0 ? root(0) : child(task - 1))),
  ),
];

/** Fails unless the outputs are those expected. */
export function verifyOutputs({ name, outputs, values }, actual) {
  if (actual.length !== outputs.length) {
    throw new Error(`${name}: ${actual.length} of ${outputs.length} outputs`);
  }
  for (const [i, task] of outputs.entries()) {
    if (actual[i] !== values[task]) {
      throw new Error(`${name}: output ${i} is ${actual[i]}, expected ${values[task]}`);
    }
  }
}

/** For peers that pass no data on: fails unless every task ran once, and after its parents. */
export function verifyOrder({ name, tasks }, ran) {
  const at = new Map(ran.map((task, i) => [task, i]));
  if (ran.length !== tasks.length || at.size !== tasks.length) {
    throw new Error(`${name}: ${ran.length} runs of ${at.size} of ${tasks.length} tasks`);
  }
  for (const [task, { parents }] of tasks.entries()) {
    const early = parents.find((parent) => at.get(parent) > at.get(task));
    if (early !== undefined) throw new Error(`${name}: task ${task} ran before task ${early}`);
  }
}
