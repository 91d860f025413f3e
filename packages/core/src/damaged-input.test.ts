import { expect, test } from 'vitest';
import { decodeTaskGraph } from './graph/codec/decode-task-graph.ts';
import { encodeTaskGraph } from './graph/codec/encode-task-graph.ts';
import { expressibleGraphFromRecipe } from './graph/document/testing/expressible-graph-from-recipe.ts';
import { parseTaskGraphJson, writeTaskGraphJson } from './graph/json/task-graph-json.ts';
import {
  decodeTaskGraphMsgpack,
  encodeTaskGraphMsgpack,
} from './graph/msgpack/task-graph-msgpack.ts';
import { COMMIT_TASK_INDEX, type TaskIndex, toId } from './id.ts';
import { list, map, optional } from './value/composite-types.ts';
import { bytes, float64, int32, int64, string } from './value/scalar-types.ts';
import { struct } from './value/struct-type.ts';
import { decodeValues, encodeValues } from './value/value-frame.ts';
import { ByteWriter } from './wire/byte-writer.ts';
import {
  decodeExecutorError,
  decodeTdlError,
  encodeExecutorError,
  encodeTdlError,
} from './wire/executor-error.ts';
import {
  appendExecuteRequest,
  appendResult,
  decodeExecutorRequest,
  decodeExecutorResult,
  encodeExecutePrefix,
  ExecutorOutcome,
} from './wire/executor-pipe.ts';
import { decodeFrame } from './wire/frame.ts';
import { decodeSerializedOutputs } from './wire/serialized-outputs.ts';
import { decodeTaskContext, encodeTaskContext } from './wire/task-context.ts';
import { noZstd, refusalOf, type Sample } from './wire/testing/refusal.ts';

const TYPES = [
  int64,
  list(struct('Sample', { at: float64, label: optional(string) })),
  map(int32, bytes),
] as const;

const frame = encodeValues(
  TYPES,
  [
    -5_000_000_000n,
    [{ at: 0.5, label: 'a text that is longer than the shortest form' }, { at: 2 }],
    new Map([[7, Uint8Array.of(1, 2, 255)]]),
  ],
  'input',
);

const graph = expressibleGraphFromRecipe(
  Array.from({ length: 40 }, (_, index) => (index * 7_919 + 13) % 1_000),
);

const contextOf = (taskIndex: TaskIndex, outputs?: Uint8Array): Uint8Array =>
  encodeTaskContext({
    jobId: toId(300),
    taskIndex,
    taskInstanceId: toId(2n ** 63n),
    resourceGroupId: toId(1),
    outputs,
  });

function executorMessage(append: (writer: ByteWriter) => void): Uint8Array {
  const writer = new ByteWriter();
  append(writer);
  return writer.toBytes().subarray(4);
}

const samples: readonly Sample[] = [
  { what: 'a wire frame', bytes: frame, decode: decodeFrame },
  {
    what: 'a wire frame of typed values',
    bytes: frame,
    decode: (given) => decodeValues(TYPES, given, 'input'),
  },
  {
    what: 'the outputs of a job',
    bytes: Uint8Array.of(0, ...frame),
    decode: (given) => decodeFrame(decodeSerializedOutputs(given, noZstd)),
  },
  { what: 'a task context', bytes: contextOf(70_000), decode: decodeTaskContext },
  {
    what: 'the context of a commit task',
    bytes: contextOf(COMMIT_TASK_INDEX, Uint8Array.of(0, ...frame)),
    decode: decodeTaskContext,
  },
  {
    what: 'an error of a task',
    bytes: encodeTdlError({ kind: 'ExecutionError', message: 'boom' }),
    decode: decodeTdlError,
  },
  {
    what: 'an error of an executor',
    bytes: encodeExecutorError({
      kind: 'IncompatibleVersion',
      packageVersion: { major: 0, minor: 300, patch: 70_000 },
      executorVersion: { major: 0, minor: 1, patch: 0 },
    }),
    decode: decodeExecutorError,
  },
  {
    what: 'a request to an executor',
    bytes: executorMessage((writer) =>
      appendExecuteRequest(writer, encodeExecutePrefix('nn', 'neuron'), contextOf(3), frame),
    ),
    decode: decodeExecutorRequest,
  },
  {
    what: 'a result of an executor',
    bytes: executorMessage((writer) =>
      appendResult(writer, ExecutorOutcome.Succeeded, frame, 1_500),
    ),
    decode: decodeExecutorResult,
  },
  { what: 'a columnar task graph', bytes: encodeTaskGraph(graph), decode: decodeTaskGraph },
  { what: 'a task graph in JSON', bytes: writeTaskGraphJson(graph), decode: parseTaskGraphJson },
  {
    what: 'a task graph in MessagePack',
    bytes: encodeTaskGraphMsgpack(graph),
    decode: decodeTaskGraphMsgpack,
  },
];

test.each(samples)('$what is refused when it is cut short, wherever', ({ bytes, decode }) => {
  expect(refusalOf(() => decode(bytes))).toBeUndefined();
  for (let length = 0; length < bytes.length; length++) {
    expect(refusalOf(() => decode(bytes.subarray(0, length)))).toBeDefined();
  }
});

test.each(samples)('$what with any one byte changed is refused, or valid', ({ bytes, decode }) => {
  // Of a long one, not every change of every byte: the single bits, and all of them.
  const damages =
    bytes.length <= 256
      ? Array.from({ length: 255 }, (_, index) => index + 1)
      : [1, 2, 4, 8, 16, 32, 64, 128, 255];
  const damaged = bytes.slice();
  let refused = 0;
  for (const [at, byte] of bytes.entries()) {
    for (const damage of damages) {
      damaged[at] = byte ^ damage;
      if (refusalOf(() => decode(damaged)) !== undefined) refused += 1;
    }
    damaged[at] = byte;
  }
  expect(refused).toBeGreaterThan(0);
});
