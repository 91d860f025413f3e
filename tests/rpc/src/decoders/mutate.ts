import type { Draw } from '../fuzz/draw.ts';

/** Numbers at which code takes another way, written in several widths. */
const NUMBERS = [0, 1, 2, 7, 8, 15, 16, 31, 32, 127, 128, 255, 256, 65_535, 65_536, 2 ** 31 - 1];
const LARGE = [2 ** 31, 2 ** 32 - 1, 2 ** 32 - 2];
const WORDS = [
  'null',
  'true',
  '-1',
  '1e999',
  '""',
  '[]',
  '{}',
  '&a',
  '*a',
  '<<: ',
  '\n  ',
  '\u0000',
];
const LENGTH_MAX = 4_096;

type Mutation = (bytes: Buffer, draw: Draw, other: Uint8Array) => Buffer;

const at = (bytes: Buffer, draw: Draw): number => draw.below(bytes.length + 1);

const insert = (bytes: Buffer, position: number, part: Uint8Array): Buffer =>
  Buffer.concat([bytes.subarray(0, position), part, bytes.subarray(position)]);

const MUTATIONS: readonly Mutation[] = [
  function flipBit(bytes, draw) {
    const position = draw.below(Math.max(1, bytes.length));
    if (position < bytes.length) bytes[position] = (bytes[position] ?? 0) ^ (1 << draw.below(8));
    return bytes;
  },
  function setByte(bytes, draw) {
    const position = draw.below(Math.max(1, bytes.length));
    if (position < bytes.length) bytes[position] = draw.below(256);
    return bytes;
  },
  function setNumber(bytes, draw) {
    const position = at(bytes, draw);
    const value = draw.pick([...NUMBERS, ...LARGE]);
    if (position + 4 > bytes.length) return bytes;
    if (draw.chance(0.5)) bytes.writeUInt32LE(value, position);
    else bytes.writeUInt32BE(value, position);
    return bytes;
  },
  function addToByte(bytes, draw) {
    const position = draw.below(Math.max(1, bytes.length));
    if (position < bytes.length)
      bytes[position] = ((bytes[position] ?? 0) + draw.below(9) - 4) & 255;
    return bytes;
  },
  (bytes, draw) => insert(bytes, at(bytes, draw), draw.bytes(8)),
  (bytes, draw) => insert(bytes, at(bytes, draw), Buffer.from(draw.pick(WORDS))),
  function remove(bytes, draw) {
    const start = at(bytes, draw);
    const end = start + 1 + draw.below(draw.chance(0.8) ? 8 : bytes.length + 1);
    return Buffer.concat([bytes.subarray(0, start), bytes.subarray(end)]);
  },
  (bytes, draw) => bytes.subarray(0, at(bytes, draw)),
  function repeat(bytes, draw) {
    const start = at(bytes, draw);
    const part = bytes.subarray(start, start + 1 + draw.below(32));
    const times = draw.chance(0.9) ? 1 : draw.below(64);
    return insert(bytes, start, Buffer.concat(Array.from({ length: times }, () => part)));
  },
  function splice(bytes, draw, other) {
    return Buffer.concat([
      bytes.subarray(0, at(bytes, draw)),
      other.subarray(draw.below(other.length + 1)),
    ]);
  },
];

/** A few changes of an input, and at times the end of another one. */
export function mutate(input: Uint8Array, draw: Draw, other: Uint8Array): Uint8Array {
  let bytes = Buffer.from(input);
  const changes = 1 + draw.below(draw.chance(0.8) ? 3 : 12);
  for (let change = 0; change < changes; change++) {
    bytes = Buffer.from(draw.pick(MUTATIONS)(bytes, draw, other));
  }
  return bytes.subarray(0, LENGTH_MAX);
}
