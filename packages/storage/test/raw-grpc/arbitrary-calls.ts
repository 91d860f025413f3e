import fc from 'fast-check';
import { message } from './protobuf.ts';
import type { Field } from './protobuf.ts';
import { frame, graphJson, hex, zstd } from './reference-graph.ts';
import type { GraphShape } from './reference-graph.ts';
import { CLEANUP, COMMIT, index, METHODS, reportFields } from './reference-world.ts';
import type { Lease } from './reference-world.ts';

/** Ids that exist when a sequence of calls begins; those it makes itself follow them. */
export interface Origin {
  readonly job: bigint;
  readonly instance: bigint;
  readonly manager: bigint;
  /** All that were granted since. */
  readonly leases: Lease[];
}

/** What a field has, once it is known what there is. */
type Value = (origin: Origin) => bigint | string | Uint8Array;

const always =
  (value: bigint | string | Uint8Array): Value =>
  () =>
    value;
const fixed = (values: fc.Arbitrary<bigint | string | Uint8Array>): fc.Arbitrary<Value> =>
  values.map(always);

/** Mostly values that exist: what is wrong altogether is refused early. */
const mostly = <T>(likely: fc.Arbitrary<T>, rarely: fc.Arbitrary<T>): fc.Arbitrary<T> =>
  fc.oneof({ arbitrary: likely, weight: 14 }, { arbitrary: rarely, weight: 1 });
const uint64 = fc.bigInt(0n, 2n ** 64n - 1n);
const after = (kind: 'job' | 'instance' | 'manager', most: bigint): fc.Arbitrary<Value> =>
  mostly<Value>(
    fc.bigInt(0n, most).map((offset) => (origin) => origin[kind] + offset),
    fixed(uint64),
  );
const job = after('job', 2n);
const instance = after('instance', 3n);
const manager = after('manager', 1n);
const group = fixed(mostly(fc.constant(1n), fc.oneof(fc.bigInt(0n, 9n), uint64)));
const session = fixed(mostly(fc.constant(1n), fc.oneof(fc.constantFrom(0n, 2n), uint64)));
const task = fixed(
  mostly<Uint8Array>(
    fc.oneof({ arbitrary: fc.nat(2).map(index), weight: 3 }, fc.constantFrom(COMMIT, CLEANUP)),
    fc.oneof(uint64.map(index), fc.constantFrom(message(), message([9, 'x']))),
  ),
);
const text = fixed(
  fc.oneof(fc.constantFrom('', 'a', '127.0.0.1', '::1'), fc.string({ unit: 'binary' })),
);
const bytes = fc.uint8Array({ maxLength: 12 });

const OUTPUT = frame(Buffer.of(1));
const outputs = fixed(
  mostly<Uint8Array>(
    fc.constant(OUTPUT),
    fc.oneof(fc.constantFrom(frame(), frame(Buffer.of(), Buffer.of())), bytes),
  ),
);

export const arbitraryGraph: fc.Arbitrary<GraphShape> = fc.record({
  tasks: fc.array(
    fc.constantFrom(
      { inputs: 0, outputs: 1 },
      { inputs: 0, outputs: 1, policy: { max_num_retry: 2, max_num_instances: 2 } },
      { inputs: 1, outputs: 1, sources: [[0, 0]] as const },
    ),
    { maxLength: 3 },
  ),
  commit: fc.boolean(),
  cleanup: fc.boolean(),
});
const graphBytes = fixed(
  mostly<Uint8Array>(
    arbitraryGraph.map((shape) => zstd(graphJson(shape))),
    fc.oneof(
      bytes,
      fc.json().map((json) => zstd(json)),
    ),
  ),
);
const inputBytes = fixed(
  mostly<Uint8Array>(fc.constant(zstd(frame())), fc.oneof(bytes, bytes.map(zstd))),
);

const report = [job, task, instance, manager, session, outputs];
const poll = [mostly(fc.bigInt(0n, 9n), uint64), fc.bigInt(0n, 2n)].map(fixed);

/** What a method's fields may be, by their numbers from 1 on; a job's id where nothing is said. */
const FIELDS: Partial<Record<string, fc.Arbitrary<Value>[]>> = {
  RegisterJob: [group, graphBytes, inputBytes],
  RegisterTaskInstance: [job, task, manager, session],
  ReportTaskSuccess: report,
  ReportTaskFailure: [...report.slice(0, 5), text],
  PollReadyTasks: poll,
  PollReadyCommitTasks: poll,
  PollReadyCleanupTasks: poll,
  AddResourceGroup: [text, fixed(bytes)],
  VerifyResourceGroup: [group, fixed(bytes)],
  RegisterExecutionManager: [mostly(fixed(fc.constant('127.0.0.1')), text)],
  UpdateExecutionManagerHeartbeat: [manager],
  RegisterScheduler: [text, fixed(mostly(fc.bigInt(0n, 70_000n), uint64))],
};

/** Those that move jobs on come more often than all others. */
const method = fc.oneof(
  { arbitrary: fc.constantFrom(...METHODS), weight: 5 },
  { arbitrary: fc.constant('RegisterTaskInstance'), weight: 2 },
  { arbitrary: fc.constantFrom('ReportTaskSuccess', 'ReportTaskFailure'), weight: 3 },
);

/** One call of any method. */
export interface ArbitraryCall {
  readonly method: string;
  readonly body: (origin: Origin) => Buffer;
  /** Whether the body is one that the method's message could have. */
  readonly isSound: boolean;
}

/** Of the flag and the length in front of a message. */
export const PREFIX_BYTES = 5;

const prefixed = (request: Buffer): Buffer => {
  const prefix = Buffer.alloc(PREFIX_BYTES);
  prefix.writeUInt32BE(request.length, 1);
  return Buffer.concat([prefix, request]);
};

const soundCall: fc.Arbitrary<ArbitraryCall> = method.chain((name) =>
  fc.tuple(...(FIELDS[name] ?? [job])).map((values) => ({
    method: name,
    body: (origin) =>
      prefixed(message(...values.map((value, at): Field => [at + 1, value(origin)]))),
    isSound: true,
  })),
);

/** Of an instance that was issued, though it may have ended since. */
const fittingReport: fc.Arbitrary<ArbitraryCall> = fc
  .record({
    back: fc.nat(3),
    outputs,
    name: fc.constantFrom('ReportTaskSuccess', 'ReportTaskFailure'),
  })
  .map(({ back, outputs: last, name }) => ({
    method: name,
    body: (origin) => {
      const lease = origin.leases.at(-1 - (back % origin.leases.length));
      const fields = lease === undefined ? [] : reportFields(lease, 1n);
      return prefixed(
        message(...fields, [6, name === 'ReportTaskSuccess' ? last(origin) : 'it broke']),
      );
    },
    isSound: true,
  }));

const brokenCall: fc.Arbitrary<ArbitraryCall> = fc.record({
  method,
  body: fc
    .oneof(
      bytes.map((request) => prefixed(Buffer.from(request))),
      bytes.map((body) => Buffer.from(body)),
      fc.constantFrom(hex(''), hex('01 00000000'), hex('00 ffffffff 00'), hex('02 00000001 08')),
    )
    .map((body) => () => body),
  isSound: fc.constant(false),
});

export const arbitraryCall: fc.Arbitrary<ArbitraryCall> = mostly(
  fc.oneof(soundCall, soundCall, fittingReport),
  brokenCall,
);
