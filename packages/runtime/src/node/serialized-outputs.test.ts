import {
  decodeFrame,
  decodeSerializedOutputs,
  encodeFrame,
  encodeSerializedOutputs,
  LIMITS,
  SpiderError,
} from '@spider/core';
import { describe, expect, test } from 'vitest';
import { nodeZstd } from './zstd.ts';

const MIB = 1024 * 1024;

/** The error by which input is refused; undefined if it is valid. Any other error is passed on. */
function refusalOf(decode: () => unknown): SpiderError | undefined {
  try {
    decode();
    return undefined;
  } catch (error) {
    if (error instanceof SpiderError && error.code === 'invalid-argument') return error;
    throw error;
  }
}

const decode = (bytes: Uint8Array): readonly Uint8Array[] =>
  decodeFrame(decodeSerializedOutputs(bytes, nodeZstd));

const text = Uint8Array.from({ length: 2_000 }, (_, index) => 97 + ((index * 31) % 26));
const outputs = encodeSerializedOutputs(encodeFrame([text, Uint8Array.of(42)]), nodeZstd);

describe('the compressed outputs of a job', () => {
  test('are those that went in', () => {
    expect(outputs[0]).toBe(1);
    expect(decode(outputs).map((payload) => Uint8Array.from(payload))).toEqual([
      text,
      Uint8Array.of(42),
    ]);
  });

  test('are refused when they are cut short, wherever', () => {
    for (let length = 0; length < outputs.length; length++) {
      expect(refusalOf(() => decode(outputs.subarray(0, length)))).toBeDefined();
    }
  });

  test('with any one byte changed are refused, or are some other outputs', () => {
    const damaged = Uint8Array.from(outputs);
    let refused = 0;
    for (const [at, byte] of outputs.entries()) {
      for (let damage = 1; damage < 256; damage++) {
        damaged[at] = byte ^ damage;
        if (refusalOf(() => decode(damaged)) !== undefined) refused += 1;
      }
      damaged[at] = byte;
    }
    expect(refused).toBeGreaterThan(0);
  });
});

describe('a zip bomb is refused at its cap, and', () => {
  const bomb = (bytes: number): Uint8Array =>
    Uint8Array.of(1, ...nodeZstd.compress(new Uint8Array(bytes)));
  const atLimit = bomb(LIMITS.decompressedBytes);
  const overLimit = bomb(LIMITS.decompressedBytes + 1);
  const small = nodeZstd.compress(new Uint8Array(MIB));
  const ofManyFrames = Buffer.concat([
    Uint8Array.of(1),
    ...Array.from({ length: 512 }, () => small),
  ]);

  test.each([
    ['of one frame', overLimit],
    ['of many frames', ofManyFrames],
    ['much larger', bomb(128 * MIB)],
  ])('takes less than 100 ms: one %s', (_what, bytes) => {
    const start = process.threadCpuUsage();
    const refusal = refusalOf(() => decodeSerializedOutputs(bytes, nodeZstd));
    const { user, system } = process.threadCpuUsage(start);
    expect(refusal?.message).toBe('zstd: decompresses to more than 33554432 bytes');
    expect((user + system) / 1_000).toBeLessThan(100);
  });

  test('what is just as large as it may be is taken', () => {
    expect(atLimit.length).toBeLessThan(10_000);
    expect(decodeSerializedOutputs(atLimit, nodeZstd)).toHaveLength(LIMITS.decompressedBytes);
  });
});
