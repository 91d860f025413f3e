import { TaskGraphBuilder } from '../task-graph-builder.ts';
import {
  DEFAULT_EXECUTION_POLICY,
  SOURCE_JOB_INPUT,
  type TaskGraph,
  type TaskKind,
} from '../task-graph.ts';
import type { TypeDescriptor } from '../../value/type-descriptor.ts';

const FLOAT64: TypeDescriptor = { shared: false, value: { type: 'float64' } };

/** A kind of task that takes some float64 inputs and has some float64 outputs. */
export function floatTaskKind(inputs: number, outputs = 1): TaskKind {
  return {
    packageName: 'testing',
    functionName: `floats::take_${inputs}_give_${outputs}`,
    inputs: Array.from({ length: inputs }, () => FLOAT64),
    outputs: Array.from({ length: outputs }, () => FLOAT64),
    policy: DEFAULT_EXECUTION_POLICY,
  };
}

/**
 * Layers of equal width. Each task of the first takes one job input of its own for each of its
 * inputs; each task of the others takes outputs of the layer before, wired
 * in a fixed pattern. Defaults to 10 layers of 1,000 tasks with 25 inputs each.
 */
export function layeredGraph({ layers = 10, width = 1_000, inputsPerTask = 25 } = {}): TaskGraph {
  const builder = new TaskGraphBuilder();
  const kind = builder.addKind(floatTaskKind(inputsPerTask));
  for (let layer = 0; layer < layers; layer++) {
    for (let place = 0; place < width; place++) {
      builder.beginTask(kind);
      for (let input = 0; input < inputsPerTask; input++) {
        if (layer === 0) builder.addSource(SOURCE_JOB_INPUT, builder.addJobInput(FLOAT64));
        else builder.addSource((layer - 1) * width + ((place * 7 + input * 13) % width), 0);
      }
      builder.endTask();
    }
  }
  return builder.build();
}

/** One task after the other. The first takes the job's only input, the last gives its only output. */
export function chainGraph(length: number): TaskGraph {
  const builder = new TaskGraphBuilder();
  const kind = builder.addKind(floatTaskKind(1));
  builder.addJobInput(FLOAT64);
  for (let task = 0; task < length; task++) {
    builder.beginTask(kind);
    if (task === 0) builder.addSource(SOURCE_JOB_INPUT, 0);
    else builder.addSource(task - 1, 0);
    builder.endTask();
  }
  return builder.build();
}

/** Task 0 takes the job's only input and gives its output to each of the others. */
export function fanOutGraph(width: number): TaskGraph {
  return treeGraph({ depth: 1, fanOut: width });
}

/** Tasks with a job input each, and a last one that takes all their outputs. */
export function fanInGraph(width: number): TaskGraph {
  const builder = new TaskGraphBuilder();
  const source = builder.addKind(floatTaskKind(1));
  for (let task = 0; task < width; task++) {
    builder.beginTask(source);
    builder.addSource(SOURCE_JOB_INPUT, builder.addJobInput(FLOAT64));
    builder.endTask();
  }
  builder.beginTask(builder.addKind(floatTaskKind(width)));
  for (let task = 0; task < width; task++) builder.addSource(task, 0);
  builder.endTask();
  return builder.build();
}

/** A root that takes the job's only input, and below each task `fanOut` others, `depth` levels deep. */
export function treeGraph({ depth, fanOut }: { depth: number; fanOut: number }): TaskGraph {
  const builder = new TaskGraphBuilder();
  const kind = builder.addKind(floatTaskKind(1));
  builder.beginTask(kind);
  builder.addSource(SOURCE_JOB_INPUT, builder.addJobInput(FLOAT64));
  let levelStart = builder.endTask();
  for (let level = 1; level <= depth; level++) {
    const levelEnd = builder.taskCount;
    for (let parent = levelStart; parent < levelEnd; parent++) {
      for (let child = 0; child < fanOut; child++) {
        builder.beginTask(kind);
        builder.addSource(parent, 0);
        builder.endTask();
      }
    }
    levelStart = levelEnd;
  }
  return builder.build();
}

/** `width` tasks that depend on nothing, each with a job input and an output of its own. */
export function independentGraph(width: number): TaskGraph {
  return layeredGraph({ layers: 1, width, inputsPerTask: 1 });
}
