import {
  appendExecuteRequest,
  appendResult,
  applyPolicyOptions,
  boolean,
  bytes,
  ByteWriter,
  decodeCompressedTaskGraph,
  decodeExecutorError,
  decodeExecutorNotice,
  decodeExecutorRequest,
  decodeExecutorResult,
  decodeFrame,
  decodeSerializedOutputs,
  decodeTaskContext,
  decodeTaskGraph,
  decodeTaskGraphMsgpack,
  decodeTdlError,
  decodeValue,
  encodeCompressedTaskGraph,
  encodeExecutePrefix,
  encodeExecutorError,
  encodeFrame,
  encodeSerializedOutputs,
  encodeTaskContext,
  encodeTaskGraph,
  encodeTaskGraphMsgpack,
  encodeTdlError,
  encodeValue,
  ExecutorFrameReader,
  ExecutorOutcome,
  float64,
  int32,
  int64,
  list,
  map,
  optional,
  parseId,
  parseTaskGraphJson,
  string,
  struct,
  type TaskGraph,
  TaskGraphBuilder,
  type TaskInstanceId,
  type TaskSource,
  type Type,
  writeTaskGraphJson,
} from '@spider/core';
import { nodeZstd, parseConfig } from '@spider/runtime/node';
import { storageConfigSchema } from '@spider/storage';
import { JournalDecoder } from '@spider/storage/testing';

/** A decoder, and inputs that it takes. */
export interface Target {
  readonly name: string;
  readonly seeds: readonly Uint8Array[];
  /** The code of its refusals; default 'invalid-argument'. */
  readonly refusesAs?: 'internal';
  readonly run: (input: Uint8Array) => void;
}

const utf8 = (text: string): Uint8Array => new TextEncoder().encode(text);

/** What may be in a value, one after the other as the first byte of the input says. */
const TYPES: readonly Type<never>[] = [
  list(float64),
  map(bytes, list(int64)),
  struct('Point', { x: float64, name: string, isOn: boolean, rest: optional(bytes) }),
  map(int32, map(int32, optional(list(bytes)))),
] as unknown as readonly Type<never>[];

const valueSeeds = [
  encodeValue(list(float64), [1, -2.5]),
  encodeValue(map(bytes, list(int64)), new Map([[utf8('a'), [1n, 2n ** 40n]]])),
  encodeValue(struct('Point', { x: float64, name: string, isOn: boolean, rest: optional(bytes) }), {
    x: 1,
    name: 'ä',
    isOn: true,
    rest: undefined,
  }),
].map((value, type) => Buffer.concat([Buffer.of(type), value]));

/** What the reference can express has no constants. */
function smallGraph(hasConstant: boolean): TaskGraph {
  const graph = new TaskGraphBuilder();
  const input = graph.addJobInput(float64.descriptor);
  const two: TaskSource = hasConstant
    ? { from: 'constant', constant: graph.addConstant(encodeValue(float64, 2)) }
    : { from: 'job-input', input: graph.addJobInput(float64.descriptor) };
  const kind = {
    packageName: 'math',
    functionName: 'math::add',
    inputs: [float64.descriptor, float64.descriptor],
    outputs: [float64.descriptor],
    policy: applyPolicyOptions({ retries: 2 }),
  };
  const task = graph.addTask({ kind, sources: [{ from: 'job-input', input }, two] });
  const ofTask = { from: 'task', task, position: 0 } as const;
  const last = graph.addTask({ kind, sources: [ofTask, hasConstant ? two : ofTask] });
  graph.setJobOutputs([{ task: last, position: 0 }]);
  return graph.build();
}

const graph = smallGraph(true);
const plainGraph = smallGraph(false);

const written = (write: (writer: ByteWriter) => void): Uint8Array => {
  const writer = new ByteWriter();
  write(writer);
  return writer.toBytes();
};

const CONTEXT = encodeTaskContext({
  jobId: parseId('7'),
  taskIndex: 1,
  taskInstanceId: (2n ** 32n) as TaskInstanceId,
  resourceGroupId: parseId('3'),
  outputs: undefined,
});

const TDL_ERROR = { kind: 'Custom', message: 'it is broken' } as const;
const TDL_ERRORS = [
  encodeTdlError(TDL_ERROR),
  encodeTdlError({ kind: 'TaskNotFound', message: '' }),
];

const VERSION = { major: 1, minor: 2, patch: 3 };
const EXECUTOR_ERRORS = [
  encodeExecutorError({ kind: 'TaskError', error: TDL_ERROR }),
  encodeExecutorError({ kind: 'InvalidLibrary', message: 'there is none' }),
  encodeExecutorError({
    kind: 'IncompatibleVersion',
    packageVersion: VERSION,
    executorVersion: VERSION,
  }),
];

const REQUEST = written((writer) => {
  const prefix = encodeExecutePrefix('math', 'math::add', 1_000);
  appendExecuteRequest(writer, prefix, CONTEXT, encodeFrame([utf8('input')]));
  appendExecuteRequest(
    writer,
    encodeExecutePrefix('math', 'math::add'),
    CONTEXT,
    new Uint8Array(0),
  );
});

const RESULT = written((writer) => {
  appendResult(writer, ExecutorOutcome.Succeeded, encodeFrame([utf8('output')]), 10);
});

/** What a decoder lets through can be written again. */
const rewriteGraph = (decoded: TaskGraph): void => {
  encodeTaskGraph(decoded);
};

/** Chunks of so many bytes as the first one says, as a pipe may cut its messages anywhere. */
function readPipe(
  input: Uint8Array,
  read: (bytes: Uint8Array, start: number, end: number) => void,
): void {
  const reader = new ExecutorFrameReader(64 * 1024);
  const length = 1 + (input[0] ?? 0);
  for (let at = 1; at < input.length; at += length) {
    reader.push(input.subarray(at, at + length));
    while (reader.next()) read(reader.bytes, reader.start, reader.end);
  }
}

const CONFIG = `port: 50051
runtime:
  db: { engine: mysql, host: db, name: spider, credentials: { username: a, password: b } }
  journal: { durability: sync }
`;

/** An attempt with an empty payload, as journal-record.ts describes it. */
function journalSeed(): Uint8Array {
  const block = Buffer.alloc(5 + 28 + 21);
  block.writeUInt8(1, 0);
  block.writeUInt32LE(block.length - 5, 1);
  block.writeUInt32LE(1, 5 + 24);
  block.writeUInt8(1, block.length - 1);
  return block;
}

/** Every decoder of what comes from another process, from users, or from a disk. */
export const TARGETS: readonly Target[] = [
  { name: 'frame', seeds: [encodeFrame([utf8('a'), utf8('')])], run: decodeFrame },
  {
    name: 'outputs',
    seeds: [encodeSerializedOutputs(encodeFrame([utf8('output')]), nodeZstd)],
    run: (input) => decodeFrame(decodeSerializedOutputs(input, nodeZstd)),
  },
  {
    name: 'value',
    seeds: valueSeeds,
    run: (input) => {
      const type = TYPES[(input[0] ?? 0) % TYPES.length];
      if (type !== undefined) encodeValue(type, decodeValue(type, input.subarray(1)));
    },
  },
  {
    name: 'graph',
    seeds: [encodeTaskGraph(graph)],
    run: (input) => rewriteGraph(decodeTaskGraph(input)),
  },
  {
    name: 'graph-json',
    seeds: [writeTaskGraphJson(plainGraph)],
    run: (input) => rewriteGraph(parseTaskGraphJson(input)),
  },
  {
    name: 'graph-compressed',
    seeds: [encodeCompressedTaskGraph(plainGraph, nodeZstd)],
    run: (input) => rewriteGraph(decodeCompressedTaskGraph(input, nodeZstd)),
  },
  {
    name: 'graph-msgpack',
    seeds: [encodeTaskGraphMsgpack(plainGraph)],
    run: (input) => rewriteGraph(decodeTaskGraphMsgpack(input)),
  },
  {
    name: 'task-context',
    seeds: [CONTEXT],
    run: decodeTaskContext,
  },
  {
    name: 'tdl-error',
    seeds: TDL_ERRORS,
    run: decodeTdlError,
  },
  {
    name: 'executor-error',
    seeds: EXECUTOR_ERRORS,
    run: decodeExecutorError,
  },
  {
    name: 'executor-request',
    seeds: [Buffer.concat([Buffer.of(255), REQUEST]), Buffer.concat([Buffer.of(3), REQUEST])],
    run: (input) => readPipe(input, decodeExecutorRequest),
  },
  {
    name: 'executor-result',
    seeds: [Buffer.concat([Buffer.of(255), RESULT]), Buffer.concat([Buffer.of(3), RESULT])],
    run: (input) =>
      readPipe(input, (bytes_, start, end) => {
        if (decodeExecutorNotice(bytes_, start, end) === undefined) {
          decodeExecutorResult(bytes_, start, end);
        }
      }),
  },
  {
    name: 'config',
    seeds: [utf8(CONFIG)],
    run: (input) =>
      void parseConfig('config.yaml', new TextDecoder().decode(input), storageConfigSchema),
  },
  {
    name: 'journal',
    seeds: [journalSeed()],
    refusesAs: 'internal',
    run: (input) => {
      const decoder = new JournalDecoder();
      const length = 1 + (input[0] ?? 0);
      for (let at = 0; at < input.length; at += length) {
        decoder.push(input.subarray(at, at + length));
      }
    },
  },
];
