import { expect, test } from 'vitest';
import { readUint32, writeUint32 } from './output-store.ts';

test.each([0, 1, 255, 256, 65_536, 2 ** 24, 2 ** 31, 2 ** 32 - 1])(
  'the length %i is read as it was written, little-endian',
  (length) => {
    const bytes = new Uint8Array(6).fill(9);
    expect(writeUint32(bytes, 1, length)).toBe(5);
    expect(readUint32(bytes, 1)).toBe(length);
    expect(new DataView(bytes.buffer).getUint32(1, true)).toBe(length);
    expect([bytes[0], bytes[5]]).toEqual([9, 9]);
  },
);
