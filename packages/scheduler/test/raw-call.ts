import { connect, type ClientHttp2Session } from 'node:http2';

/** The fields of a message by number: numbers, and values with a length as bytes. */
export type Fields = ReadonlyMap<number, bigint | Buffer>;

/** The status of a call, and the fields of its answer. */
export interface RawAnswer {
  readonly status: number;
  readonly fields: Fields;
}

/** Encodes a message by hand: numbers as varints, all else behind its length. */
export function fields(values: Readonly<Record<number, bigint | number | Buffer>>): Buffer {
  const parts = Object.entries(values).map(([field, value]) =>
    Buffer.isBuffer(value)
      ? Buffer.concat([varint((Number(field) << 3) | 2), varint(value.length), value])
      : Buffer.concat([varint(Number(field) << 3), varint(value)]),
  );
  return Buffer.concat(parts);
}

/** Takes a message apart by hand; of a repeated field only the last value counts. */
export function parse(bytes: Buffer): Fields {
  const found = new Map<number, bigint | Buffer>();
  let at = 0;
  const readVarint = (): bigint => {
    let value = 0n;
    for (let shift = 0n; ; shift += 7n) {
      const byte = bytes[at++] ?? 0;
      value |= BigInt(byte & 0x7f) << shift;
      if (byte < 0x80) return value;
    }
  };
  while (at < bytes.length) {
    const tag = Number(readVarint());
    const number = readVarint();
    if ((tag & 7) === 0) {
      found.set(tag >>> 3, number);
      continue;
    }
    const end = at + Number(number);
    found.set(tag >>> 3, bytes.subarray(at, end));
    at = end;
  }
  return found;
}

/** A client of the reference with nothing of ours under it but HTTP/2. */
export class RawCaller implements Disposable {
  readonly #session: ClientHttp2Session;

  constructor(url: string) {
    this.#session = connect(url);
    this.#session.on('error', () => undefined);
  }

  /** Calls `package.Service/Method`. */
  async call(method: string, request: Buffer): Promise<RawAnswer> {
    const prefix = Buffer.alloc(5);
    prefix.writeUInt32BE(request.length, 1);
    const stream = this.#session.request({
      ':method': 'POST',
      ':path': `/${method}`,
      'content-type': 'application/grpc',
      te: 'trailers',
    });
    let status = Number.NaN;
    const onHeaders = (headers: { readonly 'grpc-status'?: unknown }): void => {
      if (headers['grpc-status'] !== undefined) status = Number(headers['grpc-status']);
    };
    stream.on('response', onHeaders);
    stream.on('trailers', onHeaders);
    stream.end(Buffer.concat([prefix, request]));
    const chunks: Buffer[] = [];
    for await (const chunk of stream as AsyncIterable<Buffer>) chunks.push(chunk);
    return { status, fields: parse(Buffer.concat(chunks).subarray(5)) };
  }

  [Symbol.dispose](): void {
    this.#session.destroy();
  }
}

function varint(value: bigint | number): Buffer {
  const bytes: number[] = [];
  let rest = BigInt(value);
  for (; rest > 0x7fn; rest >>= 7n) bytes.push(Number(rest & 0x7fn) | 0x80);
  bytes.push(Number(rest));
  return Buffer.from(bytes);
}
