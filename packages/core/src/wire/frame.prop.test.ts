import fc from 'fast-check';
import { expect, test } from 'vitest';
import { SpiderError } from '../error.ts';
import { decodeFrame, encodeFrame, frameBounds, frameCount } from './frame.ts';

const payloads = fc.array(fc.uint8Array({ maxLength: 40 }), { maxLength: 20 });

test('a frame gives back what was put into it, whatever follows', () => {
  fc.assert(
    fc.property(payloads, fc.uint8Array({ maxLength: 8 }), (given, rest) => {
      const frame = encodeFrame(given);
      const followed = Uint8Array.of(...frame, ...rest);
      expect(decodeFrame(followed)).toEqual(given);
      expect(frameCount(followed)).toBe(given.length);
      expect(frameBounds(followed, [1, 2, 3]).length).toBe(2 * given.length);
    }),
  );
});

test('a frame that was cut anywhere is refused', () => {
  fc.assert(
    fc.property(payloads, fc.nat(), (given, at) => {
      const frame = encodeFrame(given);
      expect(() => decodeFrame(frame.subarray(0, at % frame.length))).toThrow(SpiderError);
    }),
  );
});

test('any bytes are a frame or refused', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 64 }), (bytes) => {
      try {
        const size = decodeFrame(bytes).reduce((sum, payload) => sum + 4 + payload.length, 4);
        expect(size).toBeLessThanOrEqual(bytes.length);
      } catch (error) {
        expect(error).toBeInstanceOf(SpiderError);
      }
    }),
    { numRuns: 1000 },
  );
});

test('a count that the bytes cannot hold is refused before anything is made for it', () => {
  expect(() => decodeFrame(new Uint8Array(4).fill(0xff))).toThrow(
    'a wire frame of 4 bytes cannot hold 4294967295 payloads',
  );
  expect(() => frameCount(new Uint8Array(3))).toThrow('at least 4 bytes, this one has 3');
});
