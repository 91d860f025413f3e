import { describe, expect, test } from 'vitest';
import { CLEANUP_TASK_INDEX, COMMIT_TASK_INDEX, type TaskIndex, toId } from '../id.ts';
import { list, map, optional } from '../value/composite-types.ts';
import { MsgpackReader } from '../value/msgpack-reader.ts';
import { MsgpackWriter } from '../value/msgpack-writer.ts';
import {
  boolean,
  bytes,
  float32,
  float64,
  int16,
  int32,
  int64,
  int8,
  string,
} from '../value/scalar-types.ts';
import { struct } from '../value/struct-type.ts';
import type { Type } from '../value/type.ts';
import { decodeValue, decodeValues, encodeValue, encodeValues } from '../value/value-frame.ts';
import { ByteWriter } from './byte-writer.ts';
import {
  decodeExecutorError,
  decodeTdlError,
  encodeExecutorError,
  encodeTdlError,
  type ExecutorError,
} from './executor-error.ts';
import {
  appendExecuteRequest,
  appendResult,
  decodeExecutorRequest,
  decodeExecutorResult,
  encodeExecutePrefix,
  encodeShutdownRequest,
  ExecutorOutcome,
} from './executor-pipe.ts';
import { decodeFrame, EMPTY_FRAME, encodeFrame } from './frame.ts';
import { decodeSerializedOutputs, encodeSerializedOutputs } from './serialized-outputs.ts';
import { decodeTaskContext, encodeTaskContext, type TaskContextFields } from './task-context.ts';
import { fromHex, toHex } from './testing/hex.ts';
import type { Zstd } from './zstd.ts';

// Bytes that the reference implementation writes, each read and written here.

const point = struct('Point', { x: int32, y: int32 });
const labelled = struct('Labelled', { p: point, label: string });

interface ValueVector {
  readonly name: string;
  readonly type: Type<unknown>;
  readonly value: unknown;
  readonly hex: string;
}

const vector = <T>(name: string, type: Type<T>, value: T, hex: string): ValueVector => ({
  name,
  type,
  value,
  hex,
});

describe('values', () => {
  const vectors = [
    vector('0', int8, 0, '00'),
    vector('127', int8, 127, '7f'),
    vector('128', int16, 128, 'cc80'),
    vector('255', int16, 255, 'ccff'),
    vector('256', int16, 256, 'cd0100'),
    vector('65535', int32, 65535, 'cdffff'),
    vector('65536', int32, 65536, 'ce00010000'),
    vector('2^32', int64, 2n ** 32n, 'cf0000000100000000'),
    vector('−1', int8, -1, 'ff'),
    vector('−32', int8, -32, 'e0'),
    vector('−33', int8, -33, 'd0df'),
    vector('−128', int8, -128, 'd080'),
    vector('−129', int16, -129, 'd1ff7f'),
    vector('−32768', int16, -32768, 'd18000'),
    vector('−32769', int32, -32769, 'd2ffff7fff'),
    vector('−2^31', int32, -(2 ** 31), 'd280000000'),
    vector('−2^31 − 1', int64, -(2n ** 31n) - 1n, 'd3ffffffff7fffffff'),
    vector('−2^63', int64, -(2n ** 63n), 'd38000000000000000'),
    vector('1.5', float64, 1.5, 'cb3ff8000000000000'),
    vector('2.0 stays a float', float64, 2, 'cb4000000000000000'),
    vector('1.5 in 32 bits', float32, 1.5, 'ca3fc00000'),
    vector('−0', float64, -0, 'cb8000000000000000'),
    vector('NaN', float64, Number.NaN, 'cb7ff8000000000000'),
    vector('infinity', float64, Infinity, 'cb7ff0000000000000'),
    vector('booleans', list(boolean), [true, false], '92c3c2'),
    vector('text', string, 'hi', 'a26869'),
    vector('32 characters', string, 'a'.repeat(32), `d920${'61'.repeat(32)}`),
    vector('bytes', bytes, Uint8Array.of(1, 2, 255), '930102ccff'),
    vector('16 bytes', bytes, new Uint8Array(16), `dc0010${'00'.repeat(16)}`),
    vector('a struct', point, { x: 3, y: -4 }, '9203fc'),
    vector('a struct in one', labelled, { p: { x: 3, y: -4 }, label: 'a' }, '929203fca161'),
    vector('a struct without fields', struct('Unit', {}), {}, '90'),
    vector('nothing', optional(int32), undefined, 'c0'),
    vector('something', optional(int32), 7, '07'),
    vector('a map by integer', map(int32, string), new Map([[1, 'a']]), '8101a161'),
    vector(
      'a map by bytes',
      map(bytes, boolean),
      new Map([[Uint8Array.of(107), true]]),
      '81916bc3',
    ),
    vector('an empty list', list(int32), [], '90'),
    vector('an empty map', map(int32, int32), new Map(), '80'),
  ];

  test.each(vectors)('$name', ({ type, value, hex }) => {
    expect(toHex(encodeValue(type, value))).toBe(hex);
    expect(decodeValue(type, fromHex(hex))).toEqual(value);
  });

  test('2^64 − 1, which only ids reach', () => {
    const writer = new MsgpackWriter();
    writer.writeBigInt(2n ** 64n - 1n);
    expect(toHex(writer.toBytes())).toBe('cfffffffffffffffff');
    expect(new MsgpackReader(writer.toBytes()).readUint64()).toBe(2n ** 64n - 1n);
  });

  test.each<[string, string, (writer: MsgpackWriter) => void, (reader: MsgpackReader) => unknown]>([
    ['alone', 'a3526564', (writer) => writer.writeString('Red'), (reader) => reader.readString()],
    [
      'with a value',
      '81 a6436972636c65 cb4000000000000000',
      (writer) => {
        writer.writeMapHeader(1);
        writer.writeString('Circle');
        writer.writeFloat64(2);
      },
      (reader) => [reader.readMapHeader(), reader.readString(), reader.readFloat64()],
    ],
    [
      'with several values',
      '81 a3536567 92 01 02',
      (writer) => {
        writer.writeMapHeader(1);
        writer.writeString('Seg');
        point.write(writer, { x: 1, y: 2 });
      },
      (reader) => [reader.readMapHeader(), reader.readString(), point.read(reader)],
    ],
    [
      'with fields',
      '81 a452656374 92 01 02',
      (writer) => {
        writer.writeMapHeader(1);
        writer.writeString('Rect');
        point.write(writer, { x: 1, y: 2 });
      },
      (reader) => [reader.readMapHeader(), reader.readString(), point.read(reader)],
    ],
  ])('a variant of an enum %s', (_what, hex, write, read) => {
    const writer = new MsgpackWriter();
    write(writer);
    expect(writer.toBytes()).toEqual(fromHex(hex));
    const reader = new MsgpackReader(fromHex(hex));
    read(reader);
    expect(reader.position).toBe(fromHex(hex).length);
  });

  test('bytes as a binary, which other writers choose', () => {
    expect(decodeValue(bytes, fromHex('c4030102ff'))).toEqual(Uint8Array.of(1, 2, 255));
  });
});

describe('wire frames', () => {
  test('no payload', () => {
    expect(toHex(encodeFrame([]))).toBe('00000000');
    expect(toHex(EMPTY_FRAME)).toBe('00000000');
    expect(decodeFrame(fromHex('00000000'))).toEqual([]);
  });

  test('an int64 and a text', () => {
    const types = [int64, string] as const;
    const hex = '02000000 01000000 2a 03000000 a26869';
    expect(encodeValues(types, [42n, 'hi'], 'input')).toEqual(fromHex(hex));
    expect(decodeValues(types, fromHex(hex), 'input')).toEqual([42n, 'hi']);
  });

  test('a float64', () => {
    const hex = '01000000 09000000 cb3ff8000000000000';
    expect(encodeValues([float64], [1.5], 'output')).toEqual(fromHex(hex));
    expect(decodeValues([float64], fromHex(hex), 'output')).toEqual([1.5]);
  });

  test('an empty payload is a frame, but no value', () => {
    const frame = fromHex('01000000 00000000');
    expect(encodeFrame([new Uint8Array(0)])).toEqual(frame);
    expect(decodeFrame(frame)).toEqual([new Uint8Array(0)]);
    expect(() => decodeValues([int64], frame, 'input')).toThrow(
      'input 0: expected int64, got nothing',
    );
  });
});

describe('serialized outputs', () => {
  const marked: Zstd = {
    compress: (plain) => Uint8Array.of(0xaa, ...plain),
    decompress: (compressed) => compressed.subarray(1),
  };

  test('one output, and none', () => {
    for (const [frame, hex] of [
      [encodeFrame([Uint8Array.of(42)]), '00 01000000 01000000 2a'],
      [EMPTY_FRAME, '00 00000000'],
    ] as const) {
      expect(encodeSerializedOutputs(frame, marked)).toEqual(fromHex(hex));
      expect(decodeSerializedOutputs(fromHex(hex), marked)).toEqual(frame);
    }
  });

  test.each([
    { lengths: [1024], option: 0 },
    { lengths: [1025], option: 1 },
    { lengths: [512, 512], option: 0 },
    { lengths: [512, 513], option: 1 },
  ])('payloads of $lengths bytes: option $option', ({ lengths, option }) => {
    const frame = encodeFrame(lengths.map((length) => new Uint8Array(length).fill(0x61)));
    const outputs = encodeSerializedOutputs(frame, marked);
    expect(outputs[0]).toBe(option);
    expect(outputs.length).toBe(1 + option + frame.length);
    expect(decodeSerializedOutputs(outputs, marked)).toEqual(frame);
  });

  test('neither option', () => {
    expect(() => decodeSerializedOutputs(Uint8Array.of(2, 0, 0, 0, 0), marked)).toThrow(
      'unknown option 2',
    );
    expect(() => decodeSerializedOutputs(new Uint8Array(0), marked)).toThrow('empty');
  });
});

describe('task contexts', () => {
  const context = (
    job: number,
    taskIndex: TaskIndex,
    instance: number,
    outputs?: Uint8Array,
  ): TaskContextFields => ({
    jobId: toId(job),
    taskIndex,
    taskInstanceId: toId(instance),
    resourceGroupId: toId(1),
    outputs,
  });

  test.each([
    ['a regular task', context(7, 3, 9), '95 07 81a5496e64657803 09 01 c0'],
    [
      'a commit task of a job without outputs',
      context(7, COMMIT_TASK_INDEX, 10, fromHex('0000000000')),
      '95 07 a6436f6d6d6974 0a 01 950000000000',
    ],
    [
      'a commit task of a job with an output',
      context(7, COMMIT_TASK_INDEX, 10, fromHex('00 01000000 02000000 ccc8')),
      '95 07 a6436f6d6d6974 0a 01 9b 00 01000000 02000000 cccc ccc8',
    ],
    ['a cleanup task', context(300, CLEANUP_TASK_INDEX, 11), '95 cd012c a7436c65616e7570 0b 01 c0'],
  ])('%s', (_name, fields, hex) => {
    expect(encodeTaskContext(fields)).toEqual(fromHex(hex));
    expect(decodeTaskContext(fromHex(hex))).toEqual(fields);
  });
});

describe('errors', () => {
  test('of a task', () => {
    const error = { kind: 'Custom', message: 'boom' } as const;
    expect(toHex(encodeTdlError(error))).toBe('81a6437573746f6da4626f6f6d');
    expect(decodeTdlError(fromHex('81a6437573746f6da4626f6f6d'))).toEqual(error);
  });

  const version = (minor: number) => ({ major: 0, minor, patch: 0 });

  test.each<[ExecutorError, string]>([
    [
      { kind: 'TaskError', error: { kind: 'ExecutionError', message: 'boom' } },
      '81 a95461736b4572726f72 81 ae457865637574696f6e4572726f72 a4626f6f6d',
    ],
    [
      { kind: 'IncompatibleVersion', packageVersion: version(2), executorVersion: version(1) },
      '81 b3496e636f6d70617469626c6556657273696f6e 96 00 02 00 00 01 00',
    ],
  ])('of an executor: %j', (error, hex) => {
    expect(encodeExecutorError(error)).toEqual(fromHex(hex));
    expect(decodeExecutorError(fromHex(hex))).toEqual(error);
  });
});

describe('executor pipe', () => {
  const frameOf = (write: (writer: ByteWriter) => void): Uint8Array => {
    const writer = new ByteWriter();
    write(writer);
    return writer.toBytes();
  };

  test('shutdown', () => {
    expect(encodeShutdownRequest()).toEqual(fromHex('00000004 01000000'));
    expect(decodeExecutorRequest(fromHex('01000000'))).toEqual({ kind: 'shutdown' });
  });

  test('execute', () => {
    const hex =
      '0000002b 00000000 0100000000000000 70 0100000000000000 66 0100000000000000 95 ' +
      '0400000000000000 00000000';
    const context = Uint8Array.of(0x95);
    const prefix = encodeExecutePrefix('p', 'f');
    expect(frameOf((writer) => appendExecuteRequest(writer, prefix, context, EMPTY_FRAME))).toEqual(
      fromHex(hex),
    );
    expect(decodeExecutorRequest(fromHex(hex), 4)).toEqual({
      kind: 'execute',
      packageName: 'p',
      functionName: 'f',
      context,
      inputs: EMPTY_FRAME,
    });
  });

  test('a result', () => {
    const hex = '0000001c 00000000 00000000 0400000000000000 00000000 dc05000000000000';
    expect(
      frameOf((writer) => appendResult(writer, ExecutorOutcome.Succeeded, EMPTY_FRAME, 1500)),
    ).toEqual(fromHex(hex));
    expect(decodeExecutorResult(fromHex(hex), 4)).toEqual({
      outcome: ExecutorOutcome.Succeeded,
      payload: EMPTY_FRAME,
      elapsedUs: 1500,
    });
  });
});
