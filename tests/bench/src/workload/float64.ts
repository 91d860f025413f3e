const FLOAT64 = 0xcb;
const BYTES = 9;

/** A float64 as a MessagePack value. */
export function packFloat64(value: number): Uint8Array {
  const bytes = new Uint8Array(BYTES);
  bytes[0] = FLOAT64;
  new DataView(bytes.buffer).setFloat64(1, value);
  return bytes;
}

/** @throws Error if the value is no float64. */
export function unpackFloat64(bytes: Uint8Array): number {
  if (bytes.length !== BYTES || bytes[0] !== FLOAT64) {
    throw new Error(`expected a float64, got the bytes ${Buffer.from(bytes).toString('hex')}`);
  }
  return new DataView(bytes.buffer, bytes.byteOffset).getFloat64(1);
}
