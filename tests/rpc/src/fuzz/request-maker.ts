import {
  CLEANUP_TASK_INDEX,
  COMMIT_TASK_INDEX,
  DEFAULT_EXECUTION_POLICY,
  encodeTaskGraph,
  TaskGraphBuilder,
} from '@spider/core';
import { FORTY_TWO, frame, graphJson, zstd } from '../reference-world.ts';
import type { GraphShape } from '../reference-world.ts';
import type { FieldShape, PlainMessage, Schema } from '../schema.ts';
import type { Draw } from './draw.ts';
import type { KnownInstance, KnownValues } from './known-values.ts';

const DEPTH_MAX = 4;
/** No call waits for longer, or a run would do nothing but wait. */
const WAIT_MS_MAX = 5;

const GRAPHS: readonly GraphShape[] = [
  { tasks: [{ inputs: 1, outputs: 1 }] },
  {
    tasks: [
      { inputs: 0, outputs: 1, policy: { max_num_retry: 2, max_num_instances: 2 } },
      { inputs: 1, outputs: 1, sources: [[0, 0]] },
      { inputs: 1, outputs: 0, sources: [[0, 0]] },
    ],
    commit: true,
    cleanup: true,
  },
  { tasks: Array.from({ length: 5 }, () => ({ inputs: 0, outputs: 1 })), cleanup: true },
  { tasks: [{ inputs: 0, outputs: 0 }], commit: true },
];

type Maker = (make: RequestMaker) => PlainMessage;

/**
 * Makes requests of any message of the schema, field by field: most often of what is known, else of
 * anything that the field's type can hold. Messages whose fields belong together have a maker that
 * knows so, and is left out now and then.
 */
export class RequestMaker {
  readonly draw: Draw;
  readonly known: KnownValues;
  readonly #schema: Schema;

  constructor(schema: Schema, known: KnownValues, draw: Draw) {
    this.#schema = schema;
    this.known = known;
    this.draw = draw;
  }

  /** A message, by its package and name. */
  make(packageName: string, typeName: string, depth = 0): PlainMessage {
    const shape = this.#schema.message(packageName, typeName);
    if (shape === undefined) throw new Error(`${packageName} has no message ${typeName}`);
    const maker = MAKERS[shape.fullName];
    if (maker !== undefined && !this.draw.chance(0.08)) return maker(this);
    const itsPackage = shape.fullName.slice(0, shape.fullName.lastIndexOf('.'));
    const message: Record<string, unknown> = {};
    for (const field of shape.fields) {
      if (this.draw.chance(0.15)) continue;
      const entry = shape.maps.get(field.typeName);
      if (entry !== undefined) message[field.name] = this.#map(entry, itsPackage, depth);
      else if (field.label !== 'LABEL_REPEATED') {
        message[field.name] = this.#value(field, itsPackage, depth);
      } else {
        const length = this.draw.chance(0.02) ? 300 : this.draw.below(4);
        message[field.name] = Array.from({ length }, () => this.#value(field, itsPackage, depth));
      }
    }
    return message;
  }

  /** An instance that was issued, or one that never was. */
  instance(): KnownInstance {
    const known = this.known.pickInstance(this.draw);
    if (known !== undefined && this.draw.chance(0.9)) return known;
    return {
      jobId: this.known.pickId(this.draw, 'jobId'),
      taskIndex: this.taskIndex(),
      instance: String(this.draw.unsigned(64)),
      executionManagerId: this.known.pickId(this.draw, 'executionManagerId'),
    };
  }

  taskIndex(): number {
    if (this.draw.chance(0.75)) return this.draw.below(4);
    return this.draw.pick([
      COMMIT_TASK_INDEX,
      CLEANUP_TASK_INDEX,
      5,
      Number(this.draw.unsigned(32)),
    ]);
  }

  outputs(): Buffer {
    const count = this.draw.chance(0.8) ? 1 : this.draw.below(3);
    if (this.draw.chance(0.05)) return this.draw.bytes(12);
    return frame(
      ...Array.from({ length: count }, () => this.draw.bytes(this.draw.chance(0.02) ? 9000 : 9)),
    );
  }

  /** A job that can run, and is to be started at once. */
  soundJob(): PlainMessage {
    const at = this.draw.below(GRAPHS.length);
    const inputs = (GRAPHS[at]?.tasks ?? []).reduce(
      (sum, task) => sum + (task.sources ? 0 : task.inputs),
      0,
    );
    const values = Array.from({ length: inputs }, () => Buffer.of(42));
    return { taskGraph: COLUMNAR[at], inputs: frame(...values), start: true };
  }

  #map(entry: readonly FieldShape[], packageName: string, depth: number): object {
    const [key, value] = entry;
    if (key === undefined || value === undefined) throw new Error('a map has keys and values');
    const length = this.draw.below(3);
    return Object.fromEntries(
      Array.from({ length }, () => [
        String(this.#value(key, packageName, depth)),
        this.#value(value, packageName, depth),
      ]),
    );
  }

  #value({ name, type, typeName }: FieldShape, packageName: string, depth: number): unknown {
    const { draw } = this;
    const known = this.known.pick(draw, name);
    if (fits(known, type) && draw.chance(0.85)) return known;
    if (/[wW]aitMs$/.test(name) && draw.chance(0.95)) return draw.below(WAIT_MS_MAX);
    switch (type) {
      case 'TYPE_MESSAGE':
        if (depth >= DEPTH_MAX) return {};
        return this.make(packageName, typeName, depth + 1);
      case 'TYPE_ENUM':
        return draw.chance(0.9) ? draw.below(8) : Number(draw.unsigned(32) & 0x7fff_ffffn);
      case 'TYPE_UINT64':
        return String(draw.chance(0.5) ? draw.below(5) : draw.unsigned(64));
      case 'TYPE_UINT32':
      case 'TYPE_FIXED32':
        return draw.chance(0.5) ? draw.below(5) : Number(draw.unsigned(32));
      case 'TYPE_INT32':
        return draw.chance(0.5) ? draw.below(5) : Number(BigInt.asIntN(32, draw.unsigned(32)));
      case 'TYPE_INT64':
        return String(BigInt.asIntN(64, draw.unsigned(64)));
      case 'TYPE_BOOL':
        return draw.chance(0.5);
      case 'TYPE_STRING':
        return draw.text();
      case 'TYPE_BYTES':
        return draw.chance(0.5) ? FORTY_TWO : draw.bytes(draw.chance(0.02) ? 20_000 : 40);
      case 'TYPE_DOUBLE':
      case 'TYPE_FLOAT':
        return draw.pick([0, -0, 1.5, Number.NaN, Number.POSITIVE_INFINITY]);
      default:
        throw new Error(`field ${name} has the type ${type}`);
    }
  }
}

/** Fields of one name may have several types. */
const fits = (known: unknown, type: string): boolean => {
  if (typeof known === 'string' && type === 'TYPE_STRING') return true;
  const isWritten = typeof known === 'string' || typeof known === 'number';
  return isWritten && /INT|FIXED/.test(type) && /^\d+$/.test(String(known));
};

/** Of a sound graph the inputs are mostly sound, too. */
const inputsOf = ({ draw }: RequestMaker, shape: GraphShape): Buffer => {
  if (draw.chance(0.04)) return draw.bytes(30);
  const count = shape.tasks.reduce((sum, task) => sum + (task.sources ? 0 : task.inputs), 0);
  return frame(...Array.from({ length: count }, () => Buffer.of(42)));
};

/** One byte of bytes is another. */
function damaged({ draw }: RequestMaker, bytes: Uint8Array): Uint8Array {
  if (!draw.chance(0.06)) return bytes;
  const copy = Buffer.from(bytes);
  copy[draw.below(copy.length)] = draw.below(256);
  return copy;
}

function columnarGraph({ tasks, commit, cleanup }: GraphShape): Uint8Array {
  const builder = new TaskGraphBuilder();
  const type = { shared: false, value: { type: 'int64' } } as const;
  tasks.forEach(({ inputs, outputs, sources, policy }, at) => {
    builder.addTask({
      kind: {
        packageName: 'p',
        functionName: `f${at}`,
        inputs: Array.from({ length: inputs }, () => type),
        outputs: Array.from({ length: outputs }, () => type),
        policy: policy
          ? { ...DEFAULT_EXECUTION_POLICY, maxRetries: 2, maxInstances: 2 }
          : DEFAULT_EXECUTION_POLICY,
      },
      sources: Array.from({ length: inputs }, (_, input) => {
        const [task, position] = sources?.[input] ?? [];
        if (task === undefined || position === undefined) {
          return { from: 'job-input', input: builder.addJobInput(type) } as const;
        }
        return { from: 'task', task, position } as const;
      }),
    });
  });
  const policy = DEFAULT_EXECUTION_POLICY;
  if (commit === true) builder.setCommitTask({ packageName: 'p', functionName: 'commit', policy });
  if (cleanup === true)
    builder.setCleanupTask({ packageName: 'p', functionName: 'cleanup', policy });
  return encodeTaskGraph(builder.build());
}

const COLUMNAR = GRAPHS.map(columnarGraph);
const COMPRESSED = GRAPHS.map((shape) => zstd(graphJson(shape)));

const wireTask = (taskIndex: number): PlainMessage => {
  if (taskIndex === COMMIT_TASK_INDEX) return { commit: {} };
  if (taskIndex === CLEANUP_TASK_INDEX) return { cleanup: {} };
  return { index: String(taskIndex) };
};

const unaryReport = (make: RequestMaker): PlainMessage => {
  const { jobId, taskIndex, instance, executionManagerId } = make.instance();
  return {
    jobId,
    executionManagerId,
    taskId: wireTask(make.draw.chance(0.95) ? taskIndex : make.taskIndex()),
    taskInstanceId: instance,
    sessionId: make.known.pickId(make.draw, 'sessionId'),
  };
};

/** Columns for some of the instances that were issued. */
const instances = (make: RequestMaker): { message: PlainMessage; count: number } => {
  const first = make.instance();
  const others = Array.from({ length: make.draw.below(3) }, () => make.instance());
  const all = [first, ...others.filter(({ jobId }) => jobId === first.jobId)];
  const base = all.reduce((least, { instance }) => {
    const number = BigInt(instance);
    return number < least ? number : least;
  }, BigInt(first.instance));
  return {
    count: all.length,
    message: {
      jobId: first.jobId,
      instanceBase: String(base),
      taskIndexes: all.map(({ taskIndex }) => taskIndex),
      instanceOffsets: all.map(({ instance }) =>
        Number(BigInt.asUintN(32, BigInt(instance) - base)),
      ),
    },
  };
};

/** By the full names of messages. */
const MAKERS: Readonly<Record<string, Maker>> = {
  'storage.RegisterJobRequest': (make) => {
    const at = make.draw.below(GRAPHS.length);
    return {
      resourceGroupId: make.draw.chance(0.95) ? '1' : String(make.draw.unsigned(64)),
      compressedSerializedTaskGraph: damaged(make, COMPRESSED[at] ?? Buffer.of()),
      compressedSerializedInputs: damaged(make, zstd(inputsOf(make, GRAPHS[at] ?? { tasks: [] }))),
    };
  },
  'spider.v1.SubmitJobRequest': (make) => {
    const at = make.draw.below(GRAPHS.length);
    return {
      taskGraph: damaged(make, COLUMNAR[at] ?? Buffer.of()),
      inputs: inputsOf(make, GRAPHS[at] ?? { tasks: [] }),
      start: make.draw.chance(0.8),
      ...(make.draw.chance(0.2) && { idempotencyKey: make.draw.text() }),
      ...(make.draw.chance(0.2) && { name: make.draw.text(), labels: { [make.draw.text()]: 'x' } }),
      ...(make.draw.chance(0.2) && { priority: Number(BigInt.asIntN(32, make.draw.unsigned(32))) }),
    };
  },
  'storage.RegisterTaskInstanceRequest': (make) => ({
    jobId: make.known.pickId(make.draw, 'jobId'),
    taskId: make.draw.chance(0.97) ? wireTask(make.taskIndex()) : {},
    executionManagerId: make.known.pickId(make.draw, 'executionManagerId'),
    sessionId: make.known.pickId(make.draw, 'sessionId'),
  }),
  'storage.ReportTaskSuccessRequest': (make) => ({
    ...unaryReport(make),
    serializedOutputs: make.outputs(),
  }),
  'storage.ReportTaskFailureRequest': (make) => ({
    ...unaryReport(make),
    errorMessage: make.draw.text(),
  }),
  'storage.RegisterExecutionManagerRequest': (make) => ({
    ipAddress: make.draw.chance(0.8) ? '127.0.0.1' : make.draw.text(),
  }),
  'spider.v1.RegisterExecutionManagerRequest': (make) => ({
    host: make.draw.text(),
    slots: make.draw.chance(0.9) ? 4 : Number(make.draw.unsigned(32)),
  }),
  'spider.v1.JobInstances': (make) => instances(make).message,
  'spider.v1.JobTasks': (make) => ({
    jobId: make.known.pickId(make.draw, 'jobId'),
    taskIndexes: Array.from({ length: 1 + make.draw.below(4) }, () => make.taskIndex()),
  }),
  'spider.v1.TaskReports': (make) => {
    const { message, count } = instances(make);
    const payloads = Array.from({ length: count }, () => make.outputs());
    return {
      instances: message,
      outcomes: payloads.map(() => (make.draw.chance(0.7) ? 1 : make.draw.below(6))),
      payloadLengths: payloads.map(({ length }) => length),
      payloads: Buffer.concat(payloads),
      startedBaseMs: make.draw.chance(0.95) ? '1' : String(make.draw.unsigned(64)),
      startedOffsetsMs: payloads.map(() => make.draw.below(5)),
      elapsedUs: payloads.map(() => make.draw.below(5)),
    };
  },
};
