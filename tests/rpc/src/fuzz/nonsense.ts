import { connect, constants } from 'node:http2';
import type { ClientHttp2Session } from 'node:http2';
import { connect as connectSocket } from 'node:net';
import type { RpcMethod } from '../schema.ts';
import type { Draw } from './draw.ts';

/** What no gRPC library would send: bodies that are no messages, calls that are reset, and worse. */
export class Nonsense implements Disposable {
  readonly #url: URL;
  #session: ClientHttp2Session | undefined;

  constructor(url: string) {
    this.#url = new URL(url);
  }

  /** Resolves when it is over, however that was. */
  async send(draw: Draw, method: RpcMethod): Promise<void> {
    if (draw.chance(0.1)) await this.#sendJunk(draw);
    else await this.#sendBody(draw, method);
  }

  [Symbol.dispose](): void {
    this.#session?.destroy();
  }

  #sendJunk(draw: Draw): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    const socket = connectSocket(Number(this.#url.port), this.#url.hostname);
    const preface = 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n';
    socket.on('error', () => undefined).on('close', () => resolve());
    socket.write(draw.chance(0.5) ? preface : 'GET / HTTP/1.1\r\n\r\n');
    socket.end(draw.bytes(200));
    socket.resume();
    socket.setTimeout(200, () => socket.destroy());
    return promise;
  }

  #sendBody(draw: Draw, method: RpcMethod): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    const stream = this.#connection().request({
      ':method': draw.chance(0.95) ? 'POST' : 'GET',
      ':path': draw.chance(0.9) ? method.path : `/${draw.bytes(8).toString('hex')}`,
      'content-type': draw.pick(['application/grpc', 'application/grpc+proto', 'text/plain', '']),
      te: 'trailers',
      ...(draw.chance(0.1) && { 'grpc-timeout': draw.pick(['0n', '1m', '99999999H', 'x']) }),
      ...(draw.chance(0.1) && { 'grpc-encoding': draw.pick(['gzip', 'identity', 'x']) }),
    });
    stream.on('error', () => undefined).on('close', () => resolve());
    stream.resume();
    const body = draw.pick([
      () => draw.bytes(40),
      () => Buffer.concat([prefix(0, 8), draw.bytes(8)]),
      () => Buffer.concat([prefix(1, 8), Buffer.alloc(8)]),
      () => Buffer.concat([prefix(0, 0xffff_ffff), draw.bytes(8)]),
      () => Buffer.concat([prefix(0, 4), Buffer.alloc(4, 0xff)]),
      () => Buffer.concat([prefix(0, 0), prefix(0, 0)]),
    ])();
    if (draw.chance(0.3)) {
      stream.write(body);
      stream.close(draw.pick([constants.NGHTTP2_CANCEL, constants.NGHTTP2_INTERNAL_ERROR]));
    } else {
      stream.end(body);
      // Some bodies promise more than comes; nothing answers them for as long as they are open.
      stream.setTimeout(200, () => stream.close());
    }
    return promise;
  }

  #connection(): ClientHttp2Session {
    if (this.#session === undefined || this.#session.destroyed || this.#session.closed) {
      this.#session = connect(this.#url);
      this.#session.on('error', () => undefined);
    }
    return this.#session;
  }
}

function prefix(flag: number, length: number): Buffer {
  const bytes = Buffer.alloc(5);
  bytes[0] = flag;
  bytes.writeUInt32BE(length, 1);
  return bytes;
}
