import { constants, zstdCompressSync } from 'node:zlib';

import { LIMITS, SpiderError } from '@spider/core';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { nodeZstd } from './zstd.ts';

const MIB = 1024 * 1024;

const bytes = (hex: string): Buffer => Buffer.from(hex.replaceAll(' ', ''), 'hex');
const decompressed = (input: Uint8Array, maxBytes = MIB): string =>
  Buffer.from(nodeZstd.decompress(input, maxBytes)).toString('hex');

/** A frame that decoders have to pass over. */
const skippable = (content: string, kind = 0): Buffer => {
  const frame = Buffer.alloc(8 + content.length);
  frame.writeUInt32LE(0x184d_2a50 + kind, 0);
  frame.writeUInt32LE(content.length, 4);
  frame.write(content, 8);
  return frame;
};

function failureOf(input: Uint8Array, maxBytes = MIB): SpiderError {
  try {
    nodeZstd.decompress(input, maxBytes);
  } catch (error) {
    expect(error).toBeInstanceOf(SpiderError);
    return error as SpiderError;
  }
  throw new Error('it has not failed');
}

describe('what the reference has compressed', () => {
  // Frames of its streaming writer name no content size.
  it.each([
    ['the empty frame', '28b52ffd0058 210000 00000000', '00000000'],
    ['the inputs frame [42]', '28b52ffd0058 490000 01000000010000002a', '01000000010000002a'],
    [
      'outputs of 1025 bytes',
      '28b52ffd0058850000480100000001040000610100fd2b7004',
      `0100000001040000${'61'.repeat(1025)}`,
    ],
  ])('is read: %s', (_, compressed, plain) => {
    expect(decompressed(bytes(compressed))).toBe(plain);
  });
});

describe('nodeZstd', () => {
  it('reads what it has written', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 5_000 }), (plain) => {
        expect(Buffer.from(nodeZstd.decompress(nodeZstd.compress(plain), 5_000))).toEqual(
          Buffer.from(plain),
        );
      }),
    );
  });

  it('makes little of bytes that repeat', () => {
    const plain = new Uint8Array(4_096).fill(97);
    const compressed = nodeZstd.compress(plain);
    expect(compressed.length).toBeLessThan(100);
    expect(Buffer.compare(nodeZstd.decompress(compressed, plain.length), plain)).toBe(0);
  });

  it('reads all frames that follow one another, and passes over skippable ones', () => {
    const parts = fc.array(
      fc.oneof(
        fc.uint8Array({ maxLength: 300 }).map((plain) => ({ plain, skip: false })),
        fc.uint8Array({ maxLength: 30 }).map((plain) => ({ plain, skip: true })),
      ),
      { maxLength: 12 },
    );
    fc.assert(
      fc.property(parts, fc.nat(15), (all, kind) => {
        const input = Buffer.concat(
          all.map(({ plain, skip }) =>
            skip ? skippable(Buffer.from(plain).toString('hex'), kind) : zstdCompressSync(plain),
          ),
        );
        const expected = Buffer.concat(all.filter(({ skip }) => !skip).map(({ plain }) => plain));

        expect(decompressed(input)).toBe(expected.toString('hex'));
      }),
    );
  });

  it('takes no bytes at all for no frames', () => {
    expect(decompressed(Buffer.alloc(0))).toBe('');
  });

  it('reads many blocks, of all kinds, with and without a checksum', () => {
    const noise = Buffer.alloc(MIB);
    for (let at = 0; at < noise.length; at++) noise[at] = Math.imul(at, 2_654_435_761) >>> 13;
    const plain = Buffer.concat([noise, Buffer.alloc(MIB), Buffer.from('text '.repeat(50_000))]);
    const checked = zstdCompressSync(plain, { params: { [constants.ZSTD_c_checksumFlag]: 1 } });

    for (const compressed of [nodeZstd.compress(plain), checked]) {
      const twice = Buffer.concat([compressed, compressed]);
      expect(
        Buffer.from(nodeZstd.decompress(twice, 8 * MIB)).equals(Buffer.concat([plain, plain])),
      ).toBe(true);
    }
  });

  it('refuses to inflate beyond the limit, over all frames', () => {
    const frame = nodeZstd.compress(Buffer.alloc(1_000));
    const two = Buffer.concat([frame, frame]);

    expect(nodeZstd.decompress(two, 2_000)).toHaveLength(2_000);
    expect(failureOf(two, 1_999)).toMatchObject({
      code: 'invalid-argument',
      message: 'zstd: decompresses to more than 1999 bytes',
    });
    expect(failureOf(nodeZstd.compress(Buffer.alloc(1)), 0).message).toContain('more than 0 bytes');
  });

  it('does not let many tiny frames keep it busy', () => {
    const empty = nodeZstd.compress(Buffer.alloc(0));
    const many = Buffer.concat(Array.from({ length: LIMITS.zstdFrames + 1 }, () => empty));

    expect(failureOf(many).message).toBe(`zstd: there are more than ${LIMITS.zstdFrames} frames`);
  });

  it('refuses what is cut short, wherever', () => {
    const whole = Buffer.concat([
      zstdCompressSync('hello '.repeat(100), { params: { [constants.ZSTD_c_checksumFlag]: 1 } }),
      skippable('skipped'),
    ]);
    const ends = zstdCompressSync('hello '.repeat(100), {
      params: { [constants.ZSTD_c_checksumFlag]: 1 },
    }).length;

    for (let length = 1; length < whole.length; length++) {
      // Between the frames there is nothing missing.
      if (length === ends) continue;
      expect(failureOf(whole.subarray(0, length)).code).toBe('invalid-argument');
    }
  });

  it.each([
    ['something else', bytes('0123456789abcdef'), 'no frame starts at byte 0'],
    ['rubbish after a frame', bytes('28b52ffd0058 210000 00000000 ff00ff00ff'), 'at byte 13'],
    ['a reserved kind of block', bytes('28b52ffd0058 070000'), 'bad block at byte 6'],
    ['damaged contents', bytes('28b52ffd0058 450000 ffffffffffffffff'), 'zstd: '],
  ])('refuses %s', (_, input, message) => {
    expect(failureOf(input).message).toContain(message);
  });

  it('takes any bytes without any other kind of failure', () => {
    const near = fc
      .tuple(fc.constant(zstdCompressSync('abc'.repeat(50))), fc.nat(40), fc.nat(255))
      .map(([frame, at, value]) => {
        const damaged = Buffer.from(frame);
        damaged[at % damaged.length] = value;
        return damaged;
      });
    fc.assert(
      fc.property(fc.oneof(fc.uint8Array(), near), (input) => {
        try {
          expect(nodeZstd.decompress(input, 1_000).length).toBeLessThanOrEqual(1_000);
        } catch (error) {
          expect(error).toMatchObject({ name: 'SpiderError', code: 'invalid-argument' });
        }
      }),
      { numRuns: 500 },
    );
  });
});
