import { expect, test } from 'vitest';
import { ByteWriter } from './byte-writer.ts';
import { toHex } from './testing/hex.ts';

test('bytes are appended in the order and form asked for', () => {
  const writer = new ByteWriter(1);
  writer.appendUint8(1);
  writer.appendUint32LE(0x0203_0405);
  writer.appendUint32BE(0x0203_0405);
  writer.appendUint64LE(2 ** 40 + 7);
  writer.append(Uint8Array.of(8, 9));
  expect(toHex(writer.peek())).toBe('01050403020203040507000000000100000809');
  expect(toHex(writer.toBytes(17))).toBe('0809');
});

test('what was appended can be overwritten, taken back and forgotten', () => {
  const writer = new ByteWriter(4);
  writer.append(new Uint8Array(9));
  writer.setUint32LE(0, 1);
  writer.setUint32BE(4, 1);
  writer.truncate(8);
  expect(toHex(writer.toBytes())).toBe('0100000000000001');
  writer.truncate(20);
  expect(writer.length).toBe(8);
  writer.clear();
  expect(writer.toBytes()).toEqual(new Uint8Array(0));
});

test('a copy does not change with the writer', () => {
  const writer = new ByteWriter();
  writer.appendUint8(1);
  const copy = writer.toBytes();
  writer.clear();
  writer.appendUint8(2);
  expect(copy).toEqual(Uint8Array.of(1));
});

test('it holds as much as it may, and not more', () => {
  const writer = new ByteWriter(1, 10);
  writer.append(new Uint8Array(10));
  expect(() => writer.appendUint8(0)).toThrow('more than 10 bytes');
  expect(writer.length).toBe(10);
});
