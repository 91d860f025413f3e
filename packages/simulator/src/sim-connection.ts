import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import type {
  DescMessage,
  DescMethodStreaming,
  DescMethodUnary,
  MessageInitShape,
  MessageShape,
} from '@bufbuild/protobuf';
import { Code, ConnectError } from '@connectrpc/connect';
import type { StreamResponse, Transport, UnaryResponse } from '@connectrpc/connect';
import type { RpcTransport } from '@spider/runtime';

import { DelayedChannel } from './delayed-channel.ts';
import type { SimProcess } from './sim-process.ts';
import type { VirtualTime } from './virtual-time.ts';

/** What a message was, for whoever watches the network. */
export interface SentMessage {
  readonly from: SimProcess;
  readonly to: SimProcess;
  readonly method: string;
  readonly message: unknown;
}

/** What a connection needs to know of the network it is part of. */
export interface Wire {
  readonly time: VirtualTime;
  /** Who listens at this address now, if it can be reached from there. */
  listener(client: SimProcess, url: string): Listener | 'refused' | 'unreachable';
  /** How long the next message is on its way. */
  delayMs(): number;
  /** What happens to the next call that is no stream. */
  fateOfCall(): CallFate;
  sent(message: SentMessage): void;
}

/** Nothing, or one thing. */
export interface CallFate {
  /** It never arrives, or its answer does not; */
  readonly lost?: 'call' | 'answer';
  /** which the client finds after so long. */
  readonly noticedMs?: number;
  /** It arrives again, so long after it was made. */
  readonly againAfterMs?: number;
}

export interface Listener {
  readonly process: SimProcess;
  /** Reaches its services without any network. */
  readonly transport: Transport;
}

/** How long it takes to find that nobody answers at an address. */
const CONNECT_TIMEOUT_MS = 5_000;

type Header = Parameters<Transport['unary']>[3];

interface OpenCall {
  readonly server: SimProcess;
  isSevered: boolean;
  /** Nothing arrives any more, though neither side knows it yet. */
  sever(): void;
  /** The client finds the connection broken. */
  failClient(error: ConnectError): void;
  /** The server finds it broken. */
  abortServer(): void;
}

/** The way from one process to an address, with all calls that are open on it. */
export class SimConnection implements RpcTransport {
  readonly url: string;
  readonly client: SimProcess;
  readonly #wire: Wire;
  readonly #calls = new Set<OpenCall>();

  constructor(wire: Wire, client: SimProcess, url: string) {
    this.#wire = wire;
    this.client = client;
    this.url = url;
  }

  get openCalls(): number {
    return this.#calls.size;
  }

  /** Each side notices after a time of its own that the connection to these servers is broken. */
  cut(isCut: (server: SimProcess) => boolean, clientAfterMs: number, serverAfterMs: number): void {
    for (const call of this.#calls) {
      if (isCut(call.server)) this.#cutCall(call, clientAfterMs, serverAfterMs);
    }
  }

  /** Both sides learn soon that one of the calls is broken. */
  cutOne(pick: number, noticedMs: number): void {
    const chosen = [...this.#calls][pick % this.#calls.size];
    if (chosen !== undefined) this.#cutCall(chosen, noticedMs, noticedMs);
  }

  /** As on one connection for all: nobody answers while a call is cut and this side has not noticed. */
  ping(onAnswer: () => void): void {
    const [call] = this.#calls;
    if (call === undefined || !this.#isWhole) return;
    const ifWhole = (next: () => void) => () => this.#isWhole && next();
    this.#arrive(
      call.server,
      ifWhole(() => this.#arrive(this.client, ifWhole(onAnswer))),
    );
  }

  close(): void {
    this.cut(() => true, 0, this.#wire.delayMs());
  }

  [Symbol.dispose](): void {
    this.close();
  }

  async unary<I extends DescMessage, O extends DescMessage>(
    method: DescMethodUnary<I, O>,
    signal: AbortSignal | undefined,
    _timeoutMs: number | undefined,
    header: Header,
    input: MessageInitShape<I>,
  ): Promise<UnaryResponse<I, O>> {
    const listener = await this.#reach();
    const { promise, resolve, reject } = Promise.withResolvers<MessageShape<O>>();
    const abort = new AbortController();
    const path = { isSevered: false };
    const call = this.#open(listener.process, abort, reject, () => void (path.isSevered = true));
    this.#watch(signal, call);
    const request = this.#leave(listener.process, method, method.input, input);
    const { lost, noticedMs = 0, againAfterMs } = this.#wire.fateOfCall();
    const ask = (asker: AbortSignal | undefined) =>
      listener.transport.unary(method, asker, undefined, header, request());
    if (againAfterMs !== undefined) {
      this.#later(againAfterMs, listener.process, () => ask(undefined).catch(() => undefined));
    }
    if (lost !== undefined) this.#lose(call, noticedMs);
    if (lost === 'call') path.isSevered = true;
    this.#arrive(listener.process, async () => {
      if (path.isSevered) return;
      if (lost === 'answer') path.isSevered = true;
      try {
        const answer = await ask(abort.signal);
        this.#wire.sent({
          from: listener.process,
          to: this.client,
          method: method.name,
          message: answer.message,
        });
        this.#arrive(this.client, () => path.isSevered || resolve(answer.message));
      } catch (error) {
        this.#arrive(this.client, () => path.isSevered || reject(error));
      }
    });
    try {
      const message = await promise;
      return { ...emptyResponse(method), stream: false, method, message };
    } finally {
      this.#calls.delete(call);
    }
  }

  async stream<I extends DescMessage, O extends DescMessage>(
    method: DescMethodStreaming<I, O>,
    signal: AbortSignal | undefined,
    _timeoutMs: number | undefined,
    header: Header,
    input: AsyncIterable<MessageInitShape<I>>,
  ): Promise<StreamResponse<I, O>> {
    const listener = await this.#reach();
    const { process: server } = listener;
    const { time } = this.#wire;
    const delayMs = (): number => this.#wire.delayMs();
    const requests = new DelayedChannel<() => MessageShape<I>>(time, server, delayMs);
    const responses = new DelayedChannel<MessageShape<O>>(time, this.client, delayMs);
    const abort = new AbortController();
    const call = this.#open(
      server,
      abort,
      (error) => {
        responses.cut(error);
        this.#calls.delete(call);
      },
      () => {
        requests.sever();
        responses.sever();
      },
    );
    this.#watch(signal, call);
    void this.#sendAll(server, method, input, requests);
    this.#arrive(server, async () => {
      try {
        const answer = await listener.transport.stream(
          method,
          abort.signal,
          undefined,
          header,
          unpack(requests),
        );
        for await (const message of answer.message) {
          this.#wire.sent({ from: server, to: this.client, method: method.name, message });
          responses.push(message);
        }
        responses.end();
      } catch (error) {
        responses.end(error);
      }
      this.#calls.delete(call);
    });
    return { ...emptyResponse(method), stream: true, method, message: responses };
  }

  #cutCall(call: OpenCall, clientAfterMs: number, serverAfterMs: number): void {
    const { time } = this.#wire;
    call.sever();
    const lost = new ConnectError('the connection was lost', Code.Unavailable);
    time.after(clientAfterMs, () => this.client.clock.whenAwake(() => call.failClient(lost)));
    time.after(serverAfterMs, () => call.server.clock.whenAwake(() => call.abortServer()));
  }

  get #isWhole(): boolean {
    for (const { isSevered } of this.#calls) if (isSevered) return false;
    return true;
  }

  /** @throws ConnectError 'unavailable' when it has turned out that nobody is there. */
  async #reach(): Promise<Listener> {
    const listener = this.#wire.listener(this.client, this.url);
    if (typeof listener === 'object') return listener;
    const refused = listener === 'refused';
    await this.client.clock.sleep(refused ? this.#wire.delayMs() : CONNECT_TIMEOUT_MS);
    throw new ConnectError(
      refused ? 'connection refused' : 'the server does not answer',
      Code.Unavailable,
    );
  }

  #open(
    server: SimProcess,
    abort: AbortController,
    fail: (error: unknown) => void,
    sever: () => void,
  ): OpenCall {
    const call: OpenCall = {
      server,
      isSevered: false,
      sever: () => {
        call.isSevered = true;
        sever();
      },
      failClient: fail,
      abortServer: () => abort.abort(new ConnectError('the client is gone', Code.Canceled)),
    };
    this.#calls.add(call);
    return call;
  }

  /** Takes the client's word that it wants no answer to the server. */
  #watch(signal: AbortSignal | undefined, call: OpenCall): void {
    const onAbort = (): void => {
      const reason: unknown = signal?.reason;
      call.failClient(
        reason instanceof ConnectError ? reason : new ConnectError('aborted', Code.Canceled),
      );
      this.#arrive(call.server, () => call.abortServer());
    };
    if (signal?.aborted === true) onAbort();
    else signal?.addEventListener('abort', onAbort, { once: true });
  }

  async #sendAll<I extends DescMessage>(
    server: SimProcess,
    method: { readonly name: string; readonly input: I },
    input: AsyncIterable<MessageInitShape<I>>,
    requests: DelayedChannel<() => MessageShape<I>>,
  ): Promise<void> {
    try {
      for await (const message of input) {
        requests.push(this.#leave(server, method, method.input, message));
      }
      requests.end();
    } catch (error) {
      requests.end(error);
    }
  }

  /** The bytes that leave now; what the sender does with the message afterwards does not matter. */
  #leave<I extends DescMessage>(
    server: SimProcess,
    method: { readonly name: string },
    schema: I,
    input: MessageInitShape<I>,
  ): () => MessageShape<I> {
    const message = create(schema, input);
    const bytes = toBinary(schema, message);
    this.#wire.sent({ from: this.client, to: server, method: method.name, message });
    return () => fromBinary(schema, bytes);
  }

  /** The client finds after a while that there will be no answer. */
  #lose(call: OpenCall, noticedMs: number): void {
    const lost = new ConnectError('the connection was lost', Code.Unavailable);
    this.#later(noticedMs, this.client, () => call.failClient(lost));
  }

  #arrive(receiver: SimProcess, callback: () => unknown): void {
    this.#later(this.#wire.delayMs(), receiver, callback);
  }

  #later(delayMs: number, receiver: SimProcess, callback: () => unknown): void {
    this.#wire.time.after(delayMs, () => receiver.clock.whenAwake(() => void callback()));
  }
}

async function* unpack<T>(messages: AsyncIterable<() => T>): AsyncIterable<T> {
  for await (const message of messages) yield message();
}

const emptyResponse = <M extends { readonly parent: unknown }>(method: M) => ({
  service: method.parent as M['parent'],
  header: new Headers(),
  trailer: new Headers(),
});
