/** Tables for four bytes at a time: entry [256 · n + b] is what byte b adds n bytes further on. */
const TABLES = buildTables();

/**
 * The CRC-32 of gzip and Ethernet.
 *
 * @param before the checksum of the bytes in front of these; 0, the default, if there are none.
 */
export function crc32(bytes: Uint8Array, before = 0): number {
  const { length } = bytes;
  const wholeEnd = length - (length % 4);
  let crc = ~before;
  let at = 0;
  while (at < wholeEnd) {
    crc ^=
      byteAt(bytes, at) |
      (byteAt(bytes, at + 1) << 8) |
      (byteAt(bytes, at + 2) << 16) |
      (byteAt(bytes, at + 3) << 24);
    crc =
      entry(768 + (crc & 0xff)) ^
      entry(512 + ((crc >>> 8) & 0xff)) ^
      entry(256 + ((crc >>> 16) & 0xff)) ^
      entry(crc >>> 24);
    at += 4;
  }
  while (at < length) crc = (crc >>> 8) ^ entry((crc ^ byteAt(bytes, at++)) & 0xff);
  return ~crc >>> 0;
}

const byteAt = (bytes: Uint8Array, at: number): number => bytes[at] as number;
const entry = (at: number): number => TABLES[at] as number;

function buildTables(): Int32Array {
  const tables = new Int32Array(4 * 256);
  for (let byte = 0; byte < 256; byte++) {
    let crc = byte;
    for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ (crc & 1 ? 0xedb88320 : 0);
    tables[byte] = crc;
  }
  for (let at = 256; at < tables.length; at++) {
    const before = tables[at - 256] as number;
    tables[at] = (before >>> 8) ^ (tables[before & 0xff] as number);
  }
  return tables;
}
