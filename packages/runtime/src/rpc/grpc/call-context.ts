import type { IncomingHttpHeaders } from 'node:http2';

import type { DescMethod, DescService } from '@bufbuild/protobuf';
import { Code, ConnectError } from '@connectrpc/connect';
import type { ContextValues, HandlerContext } from '@connectrpc/connect';

import { valuesWithPeer, type Peer } from '../peer.ts';

/** Most handlers never ask for a signal, and no error is worth making for those that have. */
const OVER = new ConnectError('the call is over', Code.Canceled);

/** What a handler is told of its call. What costs something is made when it is asked for. */
export class CallContext implements HandlerContext {
  readonly method: DescMethod;
  readonly requestMethod = 'POST';
  readonly protocolName = 'grpc';
  readonly url: string;
  readonly #headers: IncomingHttpHeaders;
  readonly #peer: () => Peer | undefined;
  #abort: AbortController | undefined;
  #aborted: { readonly reason: ConnectError } | undefined;
  #values: ContextValues | undefined;
  #responseHeader: Headers | undefined;
  #responseTrailer: Headers | undefined;

  constructor(method: DescMethod, headers: IncomingHttpHeaders, peer: () => Peer | undefined) {
    this.method = method;
    this.url = headers[':path'] ?? '';
    this.#headers = headers;
    this.#peer = peer;
  }

  get service(): DescService {
    return this.method.parent;
  }

  get signal(): AbortSignal {
    if (this.#abort === undefined) {
      this.#abort = new AbortController();
      if (this.#aborted !== undefined) this.#abort.abort(this.#aborted.reason);
    }
    return this.#abort.signal;
  }

  get values(): ContextValues {
    this.#values ??= valuesWithPeer(this.#peer());
    return this.#values;
  }

  get requestHeader(): Headers {
    const headers = new Headers();
    for (const [name, value] of Object.entries(this.#headers)) {
      if (!name.startsWith(':')) headers.set(name, String(value));
    }
    return headers;
  }

  get responseHeader(): Headers {
    this.#responseHeader ??= new Headers();
    return this.#responseHeader;
  }

  get responseTrailer(): Headers {
    this.#responseTrailer ??= new Headers();
    return this.#responseTrailer;
  }

  /** What the handler has set. */
  get responseFields(): Record<string, string> {
    return fieldsOf(this.#responseHeader);
  }

  /** What the handler has set. */
  get trailerFields(): Record<string, string> {
    return fieldsOf(this.#responseTrailer);
  }

  /** Calls with a deadline are answered elsewhere. */
  timeoutMs(): undefined {
    return undefined;
  }

  requestField(name: string): string | null {
    const value = this.#headers[name];
    return value === undefined ? null : String(value);
  }

  /** Tells the handler that nobody waits for it any more, with the reason if there is one. */
  abort(reason = OVER): void {
    if (this.#aborted !== undefined) return;
    this.#aborted = { reason };
    this.#abort?.abort(reason);
  }
}

const fieldsOf = (headers: Headers | undefined): Record<string, string> =>
  headers === undefined ? {} : Object.fromEntries(headers);
