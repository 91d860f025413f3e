import { invalidArgument } from '../../error.ts';
import { LIMITS } from '../../limits.ts';
import { runSteps, type Steps } from '../../steps.ts';
import type { MapKeyType, TypeDescriptor, ValueType } from '../../value/type-descriptor.ts';
import { TaskGraphBuilder } from '../task-graph-builder.ts';
import {
  DEFAULT_EXECUTION_POLICY,
  SOURCE_CONSTANT,
  SOURCE_JOB_INPUT,
  type ExecutionPolicy,
  type TaskGraph,
  type TaskKind,
  type TerminationTask,
} from '../task-graph.ts';
import { inContext } from '../task-kind-table.ts';
import {
  ALL_FLAGS,
  Flag,
  FORMAT_VERSION,
  MAGIC,
  SourceToken,
  VALUE_TYPE_TAGS,
} from './columnar-format.ts';
import { VarintReader } from './varint-reader.ts';

/** Simple things, or bytes of tasks, that are read in one step: a millisecond or two. */
const STEP = 32 * 1024;
const STEP_BYTES = 64 * 1024;

/**
 * Reads a task graph in the columnar form, from any hand: a graph that breaks a rule is refused just
 * as the builder would refuse it. Keeps nothing of the bytes.
 *
 * @throws SpiderError 'invalid-argument' naming the task and rule, or the byte that makes no sense.
 */
export const decodeTaskGraph = (bytes: Uint8Array): TaskGraph =>
  runSteps(decodeTaskGraphInSteps(bytes));

/** As `decodeTaskGraph`, in steps of some milliseconds. A graph of a million tasks takes hundreds. */
export function* decodeTaskGraphInSteps(bytes: Uint8Array): Steps<TaskGraph> {
  if (bytes.length > LIMITS.submissionBytes) {
    throw invalidArgument(
      `the task graph has ${bytes.length} bytes, more than ${LIMITS.submissionBytes}`,
    );
  }
  const reader = new VarintReader(bytes, 'task graph');
  const builder = new TaskGraphBuilder();
  const flags = readHead(reader);
  const types = readList(reader, 'types', LIMITS.typesPerJob, () => readType(reader));
  const kinds = readKinds(reader, builder, types);
  yield* readJobInputs(reader, builder, types);
  yield* readConstants(reader, builder);
  yield* readTasks(reader, builder, kinds);
  if (flags & Flag.ChosenOutputs) builder.setJobOutputSlots(yield* readJobOutputs(reader));
  if (flags & Flag.CommitTask) builder.setCommitTask(readTaskCode(reader));
  if (flags & Flag.CleanupTask) builder.setCleanupTask(readTaskCode(reader));
  if (reader.remaining > 0) throw reader.error(`${reader.remaining} bytes follow its end`);
  return yield* builder.buildInSteps();
}

function readHead(reader: VarintReader): number {
  const isTaskGraph = MAGIC.every((byte) => reader.readUint8() === byte);
  if (!isTaskGraph) throw reader.error('these bytes are no task graph in the columnar form');
  const version = reader.readUint8();
  if (version !== FORMAT_VERSION) {
    throw reader.error(
      `it is in version ${version} of the columnar form, and only ${FORMAT_VERSION} is known here`,
    );
  }
  const flags = reader.readUint8();
  if ((flags & ~ALL_FLAGS) !== 0) throw reader.error(`its flags ${flags} are not known`);
  return flags;
}

function readList<T>(
  reader: VarintReader,
  what: string,
  limit: number,
  readOne: (index: number) => T,
): T[] {
  const list: T[] = [];
  const count = reader.readCount(what, limit);
  while (list.length < count) list.push(readOne(list.length));
  return list;
}

function readType(reader: VarintReader): TypeDescriptor {
  const shared = reader.readUint8();
  if (shared > 1) throw reader.error('a type is neither shared nor not shared');
  return { shared: shared === 1, value: readValueType(reader, 1) };
}

function readValueType(reader: VarintReader, depth: number): ValueType {
  if (depth > LIMITS.typeDepth) {
    throw reader.error(`a type is nested deeper than ${LIMITS.typeDepth} levels`);
  }
  const type = VALUE_TYPE_TAGS[reader.readUint8()];
  switch (type) {
    case undefined:
      throw reader.error('a type has an unknown tag');
    case 'struct':
      return { type, name: reader.readText('struct name', LIMITS.structNameBytes) };
    case 'list':
      return { type, element: readValueType(reader, depth + 1) };
    case 'map':
      return { type, key: readKeyType(reader), value: readValueType(reader, depth + 1) };
    default:
      return { type };
  }
}

function readKeyType(reader: VarintReader): MapKeyType {
  const type = VALUE_TYPE_TAGS[reader.readUint8()];
  switch (type) {
    case 'int8':
    case 'int16':
    case 'int32':
    case 'int64':
    case 'bytes':
      return { type };
    default:
      throw reader.error(`the keys of a map are neither integers nor bytes`);
  }
}

/** Answers the builder's number of each kind. */
function readKinds(
  reader: VarintReader,
  builder: TaskGraphBuilder,
  types: readonly TypeDescriptor[],
): number[] {
  return readList(reader, 'task kinds', LIMITS.taskKindsPerJob, (index) => {
    const kind: TaskKind = {
      ...readTaskCode(reader),
      inputs: readTypes(reader, types, 'inputs', LIMITS.slotsPerTask),
      outputs: readTypes(reader, types, 'outputs', LIMITS.slotsPerTask),
    };
    try {
      return builder.addKind(kind);
    } catch (error) {
      throw inContext(`task kind ${index}`, error);
    }
  });
}

function readTypes(
  reader: VarintReader,
  types: readonly TypeDescriptor[],
  what: string,
  limit: number,
): TypeDescriptor[] {
  return readList(reader, what, limit, () => readTypeOf(reader, types));
}

function readTypeOf(reader: VarintReader, types: readonly TypeDescriptor[]): TypeDescriptor {
  const type = types[reader.readVarint()];
  if (type === undefined) throw reader.error('a type is not among the types');
  return type;
}

function readTaskCode(reader: VarintReader): TerminationTask {
  return {
    packageName: reader.readText('package name', LIMITS.nameBytes),
    functionName: reader.readText('function name', LIMITS.nameBytes),
    policy: readPolicy(reader),
  };
}

function readPolicy(reader: VarintReader): ExecutionPolicy {
  const form = reader.readUint8();
  if (form === 0) return DEFAULT_EXECUTION_POLICY;
  if (form > 2) throw reader.error('an execution policy has an unknown form');
  const policy = {
    maxRetries: reader.readVarint(),
    maxInstances: reader.readVarint(),
    softTimeoutMs: reader.readVarint(),
    hardTimeoutMs: reader.readVarint(),
  };
  const retryDelayMs = form === 1 ? 0 : reader.readVarint();
  return retryDelayMs === 0 ? policy : { ...policy, retryDelayMs };
}

function* readJobInputs(
  reader: VarintReader,
  builder: TaskGraphBuilder,
  types: readonly TypeDescriptor[],
): Steps<void> {
  const count = reader.readCount('job inputs', LIMITS.jobInputs);
  for (let input = 0; input < count; input++) {
    builder.addJobInput(readTypeOf(reader, types));
    if (input % STEP === STEP - 1) yield;
  }
}

function* readConstants(reader: VarintReader, builder: TaskGraphBuilder): Steps<void> {
  const count = reader.readCount('constants', LIMITS.constantsPerJob);
  const lengths = new Uint32Array(count);
  let total = 0;
  for (let constant = 0; constant < count; constant++) {
    const length = reader.readVarint();
    lengths[constant] = length;
    total += length;
  }
  // One copy for all: a buffer for each would take many times the bytes of a small value.
  const bytes = reader.readBytes(total).slice();
  let start = 0;
  for (let constant = 0; constant < count; constant++) {
    const length = lengths[constant] ?? 0;
    builder.addConstant(bytes.subarray(start, start + length));
    start += length;
    if (constant % STEP === STEP - 1) yield;
  }
}

function* readTasks(
  reader: VarintReader,
  builder: TaskGraphBuilder,
  kinds: readonly number[],
): Steps<void> {
  const taskCount = reader.readCount('tasks', LIMITS.tasksPerJob);
  const sources = new SourceReader(reader, builder);
  let pauseAt = reader.remaining - STEP_BYTES;
  for (let task = 0; task < taskCount; task++) {
    if (reader.remaining < pauseAt) {
      pauseAt = reader.remaining - STEP_BYTES;
      yield;
    }
    const token = reader.readVarint();
    const kind = kinds[token >>> 1];
    if (kind === undefined) throw reader.error(`task ${task} is of a kind that does not exist`);
    builder.beginTask(kind);
    for (let left = builder.inputCount(kind); left > 0; left--) sources.readOne(task);
    if (token & 1) {
      const edges = reader.readCount('ordering edges', LIMITS.orderEdgesPerJob);
      for (let left = edges; left > 0; left--) {
        builder.addOrder(task - reader.readVarint());
        if (left % STEP === 0) yield;
      }
    }
    builder.endTask();
  }
}

/** Passes sources on to the builder, and follows which job input and constant is next. */
class SourceReader {
  readonly #reader: VarintReader;
  readonly #builder: TaskGraphBuilder;
  #nextJobInput = 0;
  #nextConstant = 0;

  constructor(reader: VarintReader, builder: TaskGraphBuilder) {
    this.#reader = reader;
    this.#builder = builder;
  }

  readOne(task: number): void {
    const token = this.#reader.readVarint();
    if (token >= SourceToken.FirstTask) {
      const distance = ((token - SourceToken.FirstTask) >>> 1) + 1;
      this.#builder.addSource(task - distance, token & 1 ? this.#reader.readVarint() : 0);
    } else if (token <= SourceToken.JobInput) {
      const isNext = token === SourceToken.NextJobInput;
      const input = isNext ? this.#nextJobInput : this.#reader.readVarint();
      this.#builder.addSource(SOURCE_JOB_INPUT, input);
      this.#nextJobInput = input + 1;
    } else {
      const isNext = token === SourceToken.NextConstant;
      const constant = isNext ? this.#nextConstant : this.#reader.readVarint();
      this.#builder.addSource(SOURCE_CONSTANT, constant);
      this.#nextConstant = constant + 1;
    }
  }
}

function* readJobOutputs(reader: VarintReader): Steps<Uint32Array> {
  const count = reader.readCount('job outputs', LIMITS.outputsPerJob);
  const slots = new Uint32Array(count);
  let expected = 0;
  for (let output = 0; output < count; output++) {
    const slot = expected + reader.readZigzag();
    if (slot < 0) throw reader.error('a job output has a negative slot');
    slots[output] = slot;
    expected = slot + 1;
    if (output % STEP === STEP - 1) yield;
  }
  return slots;
}
