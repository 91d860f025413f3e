import { LIMITS } from '../../limits.ts';
import type { TypeDescriptor, ValueType } from '../../value/type-descriptor.ts';
import { TypeTable } from '../../value/type-table.ts';
import { isDefaultPolicy } from '../execution-policy.ts';
import { defaultJobOutputSlots } from '../job-output-slots.ts';
import {
  SOURCE_CONSTANT,
  SOURCE_JOB_INPUT,
  type ExecutionPolicy,
  type TaskGraph,
  type TerminationTask,
} from '../task-graph.ts';
import { Flag, FORMAT_VERSION, MAGIC, SourceToken, VALUE_TYPE_TAGS } from './columnar-format.ts';
import { VarintWriter } from './varint-writer.ts';

/**
 * Encodes a task graph in the columnar form, in which it is submitted and stored.
 *
 * @throws SpiderError 'resource-exhausted' if it takes more than `LIMITS.submissionBytes`.
 */
export function encodeTaskGraph(graph: TaskGraph): Uint8Array<ArrayBuffer> {
  const writer = new VarintWriter(4096, LIMITS.submissionBytes);
  const hasChosenOutputs = !equalColumns(graph.jobOutputSlots, defaultJobOutputSlots(graph));
  writer.append(MAGIC);
  writer.appendUint8(FORMAT_VERSION);
  writer.appendUint8(
    (graph.commitTask ? Flag.CommitTask : 0) |
      (graph.cleanupTask ? Flag.CleanupTask : 0) |
      (hasChosenOutputs ? Flag.ChosenOutputs : 0),
  );
  writeKindsAndJobInputs(writer, graph);
  writeConstants(writer, graph.constants);
  writeTasks(writer, graph);
  if (hasChosenOutputs) writeJobOutputs(writer, graph.jobOutputSlots);
  if (graph.commitTask) writeTaskCode(writer, graph.commitTask);
  if (graph.cleanupTask) writeTaskCode(writer, graph.cleanupTask);
  return writer.toBytes();
}

function writeKindsAndJobInputs(writer: VarintWriter, graph: TaskGraph): void {
  const types = new TypeTable();
  for (const kind of graph.kinds) {
    for (const type of kind.inputs) types.intern(type);
    for (const type of kind.outputs) types.intern(type);
  }
  for (const type of graph.jobInputs) types.intern(type);

  writer.appendVarint(types.types.length);
  for (const type of types.types) {
    writer.appendUint8(type.shared ? 1 : 0);
    writeValueType(writer, type.value);
  }
  writer.appendVarint(graph.kinds.length);
  for (const kind of graph.kinds) {
    writeTaskCode(writer, kind);
    writeTypes(writer, types, kind.inputs);
    writeTypes(writer, types, kind.outputs);
  }
  writeTypes(writer, types, graph.jobInputs);
}

function writeTypes(
  writer: VarintWriter,
  table: TypeTable,
  types: readonly TypeDescriptor[],
): void {
  writer.appendVarint(types.length);
  for (const type of types) writer.appendVarint(table.intern(type));
}

function writeValueType(writer: VarintWriter, value: ValueType): void {
  writer.appendUint8(VALUE_TYPE_TAGS.indexOf(value.type));
  switch (value.type) {
    case 'struct':
      return writer.appendText(value.name);
    case 'list':
      return writeValueType(writer, value.element);
    case 'map':
      writeValueType(writer, value.key);
      return writeValueType(writer, value.value);
    default:
      return;
  }
}

function writeTaskCode(writer: VarintWriter, task: TerminationTask): void {
  writer.appendText(task.packageName);
  writer.appendText(task.functionName);
  writePolicy(writer, task.policy);
}

function writePolicy(writer: VarintWriter, policy: ExecutionPolicy): void {
  const { maxRetries, maxInstances, softTimeoutMs, hardTimeoutMs, retryDelayMs = 0 } = policy;
  const isDefault = isDefaultPolicy(policy);
  writer.appendUint8(isDefault ? 0 : retryDelayMs === 0 ? 1 : 2);
  if (isDefault) return;
  writer.appendVarint(maxRetries);
  writer.appendVarint(maxInstances);
  writer.appendVarint(softTimeoutMs);
  writer.appendVarint(hardTimeoutMs);
  if (retryDelayMs > 0) writer.appendVarint(retryDelayMs);
}

function writeConstants(writer: VarintWriter, constants: readonly Uint8Array[]): void {
  writer.appendVarint(constants.length);
  for (const constant of constants) writer.appendVarint(constant.length);
  for (const constant of constants) writer.append(constant);
}

function writeTasks(writer: VarintWriter, graph: TaskGraph): void {
  const { taskCount, taskKind, inputOffset, sourceTask, sourceSlot, orderOffset, orderTask } =
    graph;
  let nextJobInput = 0;
  let nextConstant = 0;
  writer.appendVarint(taskCount);
  for (let task = 0; task < taskCount; task++) {
    const orderStart = at(orderOffset, task);
    const orderEnd = at(orderOffset, task + 1);
    writer.appendVarint(at(taskKind, task) * 2 + (orderEnd > orderStart ? 1 : 0));

    const inputEnd = at(inputOffset, task + 1);
    for (let input = at(inputOffset, task); input < inputEnd; input++) {
      const source = at(sourceTask, input);
      const slot = at(sourceSlot, input);
      if (source === SOURCE_JOB_INPUT) {
        writer.appendVarint(
          slot === nextJobInput ? SourceToken.NextJobInput : SourceToken.JobInput,
        );
        if (slot !== nextJobInput) writer.appendVarint(slot);
        nextJobInput = slot + 1;
      } else if (source === SOURCE_CONSTANT) {
        writer.appendVarint(
          slot === nextConstant ? SourceToken.NextConstant : SourceToken.Constant,
        );
        if (slot !== nextConstant) writer.appendVarint(slot);
        nextConstant = slot + 1;
      } else {
        writer.appendVarint(SourceToken.FirstTask + (task - source - 1) * 2 + (slot === 0 ? 0 : 1));
        if (slot !== 0) writer.appendVarint(slot);
      }
    }

    if (orderEnd === orderStart) continue;
    writer.appendVarint(orderEnd - orderStart);
    for (let order = orderStart; order < orderEnd; order++) {
      writer.appendVarint(task - at(orderTask, order));
    }
  }
}

function writeJobOutputs(writer: VarintWriter, slots: Uint32Array): void {
  writer.appendVarint(slots.length);
  let expected = 0;
  for (const slot of slots) {
    writer.appendZigzag(slot - expected);
    expected = slot + 1;
  }
}

function equalColumns(a: Uint32Array, b: Uint32Array): boolean {
  return a.length === b.length && a.every((value, index) => value === b[index]);
}

const at = (column: Uint32Array, position: number): number => column[position] ?? 0;
