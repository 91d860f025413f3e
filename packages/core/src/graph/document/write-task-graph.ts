import type { TypeDescriptor } from '../../value/type-descriptor.ts';
import { isDefaultPolicy } from '../execution-policy.ts';
import {
  SOURCE_JOB_INPUT,
  type ExecutionPolicy,
  type TaskGraph,
  type TaskKind,
  type TerminationTask,
} from '../task-graph.ts';
import { inContext } from '../task-kind-table.ts';
import type { DocumentWriter } from './document-writer.ts';
import { checkExpressible } from './expressible-graph.ts';
import { SCHEMA_VERSION } from './schema-version.ts';
import {
  EXECUTION_POLICY,
  GRAPH,
  INPUT_SOURCE,
  TASK,
  TDL_CONTEXT,
  TERMINATION_TASK,
  TIMEOUT_POLICY,
} from './task-graph-schema.ts';
import { writeType } from './write-type.ts';

/**
 * Writes a task graph as a document of the reference.
 *
 * @throws SpiderError 'invalid-argument' naming the task that the schema has no words for.
 */
export function writeTaskGraph(writer: DocumentWriter, graph: TaskGraph): void {
  checkExpressible(graph);
  const [version, tasks, commitTask, cleanupTask] = GRAPH.names;
  writer.beginStruct(GRAPH.names.length);
  writer.writeKey(version);
  writer.writeText(SCHEMA_VERSION);
  writer.writeKey(tasks);
  writeTasks(writer, graph);
  writer.writeKey(commitTask);
  writeTerminationTask(writer, graph.commitTask);
  writer.writeKey(cleanupTask);
  writeTerminationTask(writer, graph.cleanupTask);
  writer.endStruct();
}

function writeTasks(writer: DocumentWriter, graph: TaskGraph): void {
  const { taskCount, taskKind, kinds } = graph;
  // Where each kind was written first: its other tasks only repeat that.
  const starts = new Uint32Array(kinds.length);
  const ends = new Uint32Array(kinds.length);
  writer.beginList(taskCount);
  for (let task = 0; task < taskCount; task++) {
    const number = taskKind[task] ?? 0;
    const kind = kinds[number];
    if (!kind) continue;
    const hasPolicy = !isDefaultPolicy(kind.policy);
    writer.beginStruct(TASK.names.length - (hasPolicy ? 0 : 1));
    const end = ends[number] ?? 0;
    if (end > 0) writer.repeat(starts[number] ?? 0, end);
    else {
      starts[number] = writer.length;
      writeKind(writer, task, kind, hasPolicy);
      ends[number] = writer.length;
    }
    writeSources(writer, graph, task);
    writer.endStruct();
  }
  writer.endList();
}

function writeKind(writer: DocumentWriter, task: number, kind: TaskKind, hasPolicy: boolean): void {
  const [context, policy, inputs, outputs] = TASK.names;
  try {
    writer.writeKey(context);
    writeTaskFunction(writer, kind);
    if (hasPolicy) {
      writer.writeKey(policy);
      writePolicy(writer, kind.policy);
    }
    writer.writeKey(inputs);
    writeTypes(writer, kind.inputs);
    writer.writeKey(outputs);
    writeTypes(writer, kind.outputs);
  } catch (error) {
    throw inContext(`task ${task}`, error);
  }
}

function writeSources(writer: DocumentWriter, graph: TaskGraph, task: number): void {
  const { inputOffset, sourceTask, sourceSlot } = graph;
  const start = inputOffset[task] ?? 0;
  const end = inputOffset[task + 1] ?? 0;
  writer.writeKey(TASK.names[4]);
  if (start === end || sourceTask[start] === SOURCE_JOB_INPUT) {
    writer.writeNull();
    return;
  }
  writer.beginList(end - start);
  for (let input = start; input < end; input++) {
    writer.beginStruct(INPUT_SOURCE.names.length);
    writer.writeKey(INPUT_SOURCE.names[0]);
    writer.writeUint(sourceTask[input] ?? 0);
    writer.writeKey(INPUT_SOURCE.names[1]);
    writer.writeUint(sourceSlot[input] ?? 0);
    writer.endStruct();
  }
  writer.endList();
}

function writeTerminationTask(writer: DocumentWriter, task: TerminationTask | undefined): void {
  if (!task) {
    writer.writeNull();
    return;
  }
  const hasPolicy = task.hasExplicitPolicy === true || !isDefaultPolicy(task.policy);
  writer.beginStruct(hasPolicy ? 2 : 1);
  writer.writeKey(TERMINATION_TASK.names[0]);
  writeTaskFunction(writer, task);
  if (hasPolicy) {
    writer.writeKey(TERMINATION_TASK.names[1]);
    writePolicy(writer, task.policy);
  }
  writer.endStruct();
}

function writeTaskFunction(
  writer: DocumentWriter,
  task: Pick<TaskKind, 'packageName' | 'functionName'>,
): void {
  writer.beginStruct(TDL_CONTEXT.names.length);
  writer.writeKey(TDL_CONTEXT.names[0]);
  writer.writeText(task.packageName);
  writer.writeKey(TDL_CONTEXT.names[1]);
  writer.writeText(task.functionName);
  writer.endStruct();
}

function writePolicy(writer: DocumentWriter, policy: ExecutionPolicy): void {
  const [maxRetries, maxInstances, timeouts] = EXECUTION_POLICY.names;
  writer.beginStruct(EXECUTION_POLICY.names.length);
  writer.writeKey(maxRetries);
  writer.writeUint(policy.maxRetries);
  writer.writeKey(maxInstances);
  writer.writeUint(policy.maxInstances);
  writer.writeKey(timeouts);
  writer.beginStruct(TIMEOUT_POLICY.names.length);
  writer.writeKey(TIMEOUT_POLICY.names[0]);
  writer.writeUint(policy.softTimeoutMs);
  writer.writeKey(TIMEOUT_POLICY.names[1]);
  writer.writeUint(policy.hardTimeoutMs);
  writer.endStruct();
  writer.endStruct();
}

function writeTypes(writer: DocumentWriter, types: readonly TypeDescriptor[]): void {
  writer.beginList(types.length);
  for (const type of types) writeType(writer, type);
  writer.endList();
}
