import fc from 'fast-check';
import { expect, test } from 'vitest';
import { LIMITS } from '../limits.ts';
import { ExecutorFrameReader } from './executor-frame-reader.ts';

const bodies = fc.array(fc.uint8Array({ maxLength: 30 }), { maxLength: 12 });

function join(frames: readonly Uint8Array[]): Uint8Array {
  return Uint8Array.from(frames.flatMap((body) => [0, 0, 0, body.length, ...body]));
}

function readAll(reader: ExecutorFrameReader, chunk: Uint8Array): Uint8Array[] {
  const read: Uint8Array[] = [];
  reader.push(chunk);
  while (reader.next()) read.push(reader.bytes.slice(reader.start, reader.end));
  return read;
}

test('the same bodies come out, wherever the stream is cut into chunks', () => {
  fc.assert(
    fc.property(bodies, fc.array(fc.nat({ max: 400 })), (given, cuts) => {
      const stream = join(given);
      const edges = [...cuts.filter((cut) => cut < stream.length), 0, stream.length];
      edges.sort((a, b) => a - b);
      const reader = new ExecutorFrameReader();
      const read = edges.flatMap((edge, i) =>
        readAll(reader, stream.subarray(edges[i - 1] ?? 0, edge)),
      );
      expect(read).toEqual(given);
      expect(reader.isAtBoundary).toBe(true);
    }),
  );
});

test('a stream that ends inside a frame is not at a boundary', () => {
  fc.assert(
    fc.property(
      bodies,
      fc.uint8Array({ minLength: 1, maxLength: 30 }),
      fc.nat(),
      (given, last, cut) => {
        const stream = join([...given, last]);
        const reader = new ExecutorFrameReader();
        const missing = 1 + (cut % (last.length + 3));
        expect(readAll(reader, stream.subarray(0, stream.length - missing))).toEqual(given);
        expect(reader.isAtBoundary).toBe(false);
      },
    ),
  );
});

test('a body that lies within one chunk is not copied', () => {
  const chunk = join([Uint8Array.of(1, 2, 3), Uint8Array.of(4)]);
  const reader = new ExecutorFrameReader();
  reader.push(chunk);
  expect(reader.next()).toBe(true);
  expect(reader.bytes).toBe(chunk);
  expect([reader.start, reader.end]).toEqual([4, 7]);
  expect(reader.next()).toBe(true);
  expect(reader.bytes).toBe(chunk);
  expect([reader.start, reader.end]).toEqual([11, 12]);
  expect(reader.next()).toBe(false);
});

test('a body of 8 MiB is the largest there is', () => {
  const header = (length: number): Uint8Array => {
    const bytes = new Uint8Array(4);
    new DataView(bytes.buffer).setUint32(0, length);
    return bytes;
  };
  const reader = new ExecutorFrameReader();
  expect(readAll(reader, header(LIMITS.executorFrameBytes))).toEqual([]);
  const body = new Uint8Array(LIMITS.executorFrameBytes).fill(7);
  reader.push(body);
  expect(reader.next()).toBe(true);
  expect(reader.end - reader.start).toBe(LIMITS.executorFrameBytes);

  expect(() => readAll(new ExecutorFrameReader(), header(LIMITS.executorFrameBytes + 1))).toThrow(
    'announces 8388609 bytes, more than the 8388608 allowed',
  );
});

test('a chunk must be read before the next one is given', () => {
  const reader = new ExecutorFrameReader();
  reader.push(join([Uint8Array.of(1)]));
  expect(() => reader.push(new Uint8Array(1))).toThrow('not read to its end');
});
