import { invalidArgument, type SpiderError } from '../../error.ts';
import { defaultJobOutputSlots } from '../job-output-slots.ts';
import { SOURCE_CONSTANT, SOURCE_JOB_INPUT, type TaskGraph } from '../task-graph.ts';

/**
 * Refuses a graph that says what the reference's schema has no words for. There a task takes all its
 * inputs from the job, each its own, in order; or all from tasks. It has no constants, no ordering
 * edges, and no job outputs but the default ones.
 *
 * @throws SpiderError 'invalid-argument' naming the task.
 */
export function checkExpressible(graph: TaskGraph): void {
  let nextJobInput = 0;
  for (let task = 0; task < graph.taskCount; task++) {
    if (graph.orderOffset[task] !== graph.orderOffset[task + 1]) {
      throw inexpressible(`task ${task} has ordering edges`);
    }
    nextJobInput = checkSources(graph, task, nextJobInput);
  }
  if (nextJobInput !== graph.jobInputs.length) {
    throw inexpressible(`no task takes job input ${nextJobInput}`);
  }
  if (graph.constants.length > 0) throw inexpressible('the graph has constants');
  for (const { functionName, policy } of [
    ...graph.kinds,
    graph.commitTask,
    graph.cleanupTask,
  ].filter((kind) => kind !== undefined)) {
    if ((policy.retryDelayMs ?? 0) > 0) throw inexpressible(`${functionName} has a retry delay`);
  }
  checkJobOutputs(graph);
}

/** Answers the job input that is next after those of the task. */
function checkSources(graph: TaskGraph, task: number, nextJobInput: number): number {
  const { inputOffset, sourceTask, sourceSlot } = graph;
  const start = inputOffset[task] ?? 0;
  const end = inputOffset[task + 1] ?? 0;
  const isFromJob = sourceTask[start] === SOURCE_JOB_INPUT;
  let next = nextJobInput;
  for (let input = start; input < end; input++) {
    const source = sourceTask[input];
    if (source === SOURCE_CONSTANT) {
      throw inexpressible(`input ${input - start} of task ${task} is a constant`);
    }
    if ((source === SOURCE_JOB_INPUT) !== isFromJob) {
      throw inexpressible(`task ${task} takes inputs from tasks as well as from the job`);
    }
    if (!isFromJob) continue;
    if (sourceSlot[input] !== next) {
      throw inexpressible(
        `input ${input - start} of task ${task} is job input ${sourceSlot[input]}, not the next one, ${next}`,
      );
    }
    next += 1;
  }
  return next;
}

function checkJobOutputs(graph: TaskGraph): void {
  const expected = defaultJobOutputSlots(graph);
  const actual = graph.jobOutputSlots;
  if (actual.length === expected.length && actual.every((slot, i) => slot === expected[i])) return;
  const position = expected.findIndex((slot, i) => slot !== actual[i]);
  const slot = actual[position < 0 ? expected.length : position] ?? expected[position] ?? 0;
  const task = graph.outputOffset.findLastIndex((offset) => offset <= slot);
  throw inexpressible(
    `the job's outputs, beginning with those of task ${task}, are not all outputs of the tasks that give no input to another, in order`,
  );
}

const inexpressible = (reason: string): SpiderError =>
  invalidArgument(`the reference's schema cannot express this graph: ${reason}`);
