/** The unsigned little-endian 32-bit number at `at`, which must lie within the bytes. */
export function readUint32LE(bytes: Uint8Array, at: number): number {
  const low = (bytes[at] ?? 0) | ((bytes[at + 1] ?? 0) << 8) | ((bytes[at + 2] ?? 0) << 16);
  return (low | ((bytes[at + 3] ?? 0) << 24)) >>> 0;
}

/** As `readUint32LE` for 64 bits; exact up to 2^53. */
export function readUint64LE(bytes: Uint8Array, at: number): number {
  return readUint32LE(bytes, at + 4) * 0x1_0000_0000 + readUint32LE(bytes, at);
}
