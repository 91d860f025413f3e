import { describe, expect, test } from 'vitest';
import { decodeTaskGraph } from './graph/codec/decode-task-graph.ts';
import { parseTaskGraphJson } from './graph/json/task-graph-json.ts';
import { decodeTaskGraphMsgpack } from './graph/msgpack/task-graph-msgpack.ts';
import { list, map } from './value/composite-types.ts';
import { bytes, float64, int32, string } from './value/scalar-types.ts';
import { struct } from './value/struct-type.ts';
import { decodeValue } from './value/value-frame.ts';
import { decodeTdlError } from './wire/executor-error.ts';
import { ExecutorFrameReader } from './wire/executor-frame-reader.ts';
import { decodeExecutorRequest, decodeExecutorResult } from './wire/executor-pipe.ts';
import { decodeFrame } from './wire/frame.ts';
import { decodeSerializedOutputs } from './wire/serialized-outputs.ts';
import { decodeTaskContext } from './wire/task-context.ts';
import { fromHex } from './wire/testing/hex.ts';
import { noZstd, refusalOf, type Sample } from './wire/testing/refusal.ts';

/** Time on the processor, which other processes take little away from. */
function busyMs(work: () => void): number {
  const start = process.threadCpuUsage();
  work();
  const { user, system } = process.threadCpuUsage(start);
  return (user + system) / 1_000;
}

const GIB = '00000040';
const point = struct('Point', { x: float64 });

describe('a length or count that the bytes cannot hold is refused at once:', () => {
  const bombs: readonly (Sample & { readonly message: string })[] = [
    {
      what: 'payloads of a frame',
      bytes: fromHex('ffffffff'),
      decode: decodeFrame,
      message: 'a wire frame of 4 bytes cannot hold 4294967295 payloads',
    },
    {
      what: 'bytes of a payload',
      bytes: fromHex(`01000000 ${GIB} 2a`),
      decode: decodeFrame,
      message: 'ends inside one of its payloads',
    },
    {
      what: 'payloads of outputs',
      bytes: fromHex('00 ffffffff'),
      decode: (given) => decodeFrame(decodeSerializedOutputs(given, noZstd)),
      message: 'cannot hold 4294967295 payloads',
    },
    {
      what: 'elements of a list',
      bytes: fromHex('ddffffffff'),
      decode: (given) => decodeValue(list(float64), given),
      message: '4294967295',
    },
    {
      what: 'elements of a list in a list',
      bytes: fromHex('91dd40000000'),
      decode: (given) => decodeValue(list(list(float64)), given),
      message: '[0]: ',
    },
    {
      what: 'entries of a map',
      bytes: fromHex('dfffffffff'),
      decode: (given) => decodeValue(map(int32, string), given),
      message: '4294967295',
    },
    {
      what: 'bytes of a text',
      bytes: fromHex('db40000000 61'),
      decode: (given) => decodeValue(string, given),
      message: '1073741824',
    },
    {
      what: 'bytes of a binary',
      bytes: fromHex('c640000000 61'),
      decode: (given) => decodeValue(bytes, given),
      message: '1073741824',
    },
    {
      what: 'integers that stand for bytes',
      bytes: fromHex('dd40000000 01'),
      decode: (given) => decodeValue(bytes, given),
      message: '1073741824',
    },
    {
      what: 'fields of a struct',
      bytes: fromHex('ddffffffff'),
      decode: (given) => decodeValue(point, given),
      message: '4294967295',
    },
    {
      what: 'elements of a field that is passed over',
      bytes: fromHex('82 a179 ddffffffff a178 01'),
      decode: (given) => decodeValue(point, given),
      message: 'expected array of 4294967295, got only 3 bytes',
    },
    {
      what: 'fields of a context',
      bytes: fromHex('ddffffffff'),
      decode: decodeTaskContext,
      message: '4294967295',
    },
    {
      what: 'outputs in a context',
      bytes: fromHex('95 07 a6436f6d6d6974 0a 01 dd40000000 00'),
      decode: decodeTaskContext,
      message: '1073741824',
    },
    {
      what: 'bytes of an error’s kind',
      bytes: fromHex('81 db40000000 61'),
      decode: decodeTdlError,
      message: '1073741824',
    },
    {
      what: 'bytes of a package name on the pipe',
      bytes: fromHex(`00000000 ${GIB} 00000000 70`),
      decode: decodeExecutorRequest,
      message: 'ends inside its package name',
    },
    {
      what: 'bytes of a result on the pipe',
      bytes: fromHex('00000000 00000000 ffffffffffffffff 00'),
      decode: decodeExecutorResult,
      message: 'ends inside its payload',
    },
    {
      what: 'bytes of a frame on the pipe',
      bytes: fromHex('40000000'),
      decode: (given) => {
        const reader = new ExecutorFrameReader();
        reader.push(given);
        return reader.next();
      },
      message: '1073741824',
    },
    {
      what: 'types of a columnar graph',
      bytes: fromHex('53504701 00 ffffffff0f'),
      decode: decodeTaskGraph,
      message: 'it has 4294967295 types, more than 65536',
    },
    {
      what: 'tasks of a columnar graph',
      bytes: fromHex('53504701 00 00 00 00 00 80808008'),
      decode: decodeTaskGraph,
      message: '16777216 tasks, but only 0 bytes are left',
    },
    {
      what: 'tasks of a graph in MessagePack',
      bytes: fromHex('84 ae736368656d615f76657273696f6e a5302e312e30 a57461736b73 ddffffffff'),
      decode: decodeTaskGraphMsgpack,
      message: 'expected array of 4294967295, got only 0 bytes',
    },
    {
      what: 'levels of a value that is passed over',
      bytes: Uint8Array.of(0x82, 0xa1, 0x79, ...new Uint8Array(100_000).fill(0x91)),
      decode: (given) => decodeValue(point, given),
      message: 'expected array of 1, got only 0 bytes',
    },
    {
      what: 'levels of JSON',
      bytes: new TextEncoder().encode(`{"tasks":${'['.repeat(100_000)}`),
      decode: parseTaskGraphJson,
      message: 'deeper than 128 levels',
    },
  ];

  test.each(bombs)('$what', ({ bytes, decode, message }) => {
    // The first one pays for compiling the decoder.
    expect(refusalOf(() => decode(bytes))?.message).toContain(message);
    const before = process.memoryUsage().rss;
    const busy = busyMs(() => {
      for (let round = 0; round < 10; round++) {
        expect(refusalOf(() => decode(bytes))).toBeDefined();
      }
    });
    expect(busy / 10).toBeLessThan(50);
    expect(process.memoryUsage().rss - before).toBeLessThan(64 * 1024 * 1024);
  });
});
