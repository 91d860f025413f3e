import { LIMITS, SpiderError } from '@spider/core';
import { fromConnectError } from '@spider/proto';

import { silentLogger, type Logger } from '../logger.ts';
import { OutgoingStream } from '../outgoing-stream.ts';

/** One side of an open stream, as its user sees it. */
export interface RpcStream<Out> {
  /** Messages that are not on their way yet. */
  readonly pending: number;
  /**
   * Answers false, and drops the message, when the stream doesn't take any more. The stream is
   * cancelled when `LIMITS.pendingMessages` wait: the peer has stopped reading.
   */
  send(message: Out): boolean;
  /** Nothing more is sent from here; what is pending still goes out. */
  end(): void;
  /**
   * Tears the stream down. What is pending is lost, `onMessage` is not called again, and `onClose`
   * gets the reason, soon but not within this call. A server's peer gets the reason too.
   */
  cancel(reason?: SpiderError): void;
}

/** What the user of a stream is told. What these callbacks throw tears down their stream alone. */
export interface RpcStreamCallbacks<In> {
  onMessage(message: In): void;
  /** Called exactly once, as the last of them; without a reason after an orderly end. */
  onClose(reason: SpiderError | undefined): void;
  /** Everything sent so far is on its way; what is sent now goes out at once. */
  onDrained?(): void;
  /**
   * At a server: asked after each message. The next one is not read before the promise has resolved,
   * if there is one, and so a client that is too fast slows down by itself.
   */
  whenReady?(): Promise<void> | undefined;
  /**
   * At a server: the client sends nothing more but still listens. Whoever implements this calls
   * `end` when it has said its last; without it the stream ends at once.
   */
  onPeerEnd?(): void;
}

export interface RpcStreamOptions {
  /** Told of what callbacks throw beside a SpiderError. */
  readonly logger?: Logger;
}

/** Joins the sending and the reading half of a stream, on either side of it. */
export class StreamEnds<In, Out> implements RpcStream<Out> {
  readonly outgoing: OutgoingStream<Out>;
  readonly #tearDown: (reason: SpiderError) => void;
  readonly #logger: Logger;
  #callbacks: RpcStreamCallbacks<In> | undefined;
  #cancelled: SpiderError | undefined;

  constructor(
    options: {
      /** Makes the transport let go of the stream. */
      readonly tearDown: (reason: SpiderError) => void;
      /** The transport takes no more messages from here. */
      readonly onOutgoingClose?: (orderly: boolean) => void;
    } & RpcStreamOptions,
  ) {
    this.#tearDown = options.tearDown;
    this.#logger = options.logger ?? silentLogger;
    this.outgoing = new OutgoingStream<Out>({
      onDrained: () => this.#drained(),
      ...(options.onOutgoingClose && { onClose: options.onOutgoingClose }),
    });
  }

  get pending(): number {
    return this.outgoing.pending;
  }

  send(message: Out): boolean {
    if (this.outgoing.pending >= LIMITS.pendingMessages) {
      const reason = `the peer does not read: ${LIMITS.pendingMessages} messages wait for it`;
      this.cancel(new SpiderError('resource-exhausted', reason));
    }
    return this.outgoing.push(message);
  }

  end(): void {
    this.outgoing.end();
  }

  cancel(reason: SpiderError = new SpiderError('cancelled', 'the stream was cancelled')): void {
    if (this.#cancelled !== undefined) return;
    this.#cancelled = reason;
    this.#tearDown(reason);
    queueMicrotask(() => this.close(undefined));
  }

  attach(callbacks: RpcStreamCallbacks<In>): void {
    this.#callbacks = callbacks;
  }

  /** Answers false once the user wants no more messages. */
  deliver(message: In): boolean {
    if (this.#cancelled !== undefined || this.#callbacks === undefined) return false;
    try {
      this.#callbacks.onMessage(message);
    } catch (error) {
      this.#callbackFailed(error);
    }
    return this.#cancelled === undefined;
  }

  /** What to wait for before the next message is read, if anything. */
  whenReady(): Promise<void> | undefined {
    return this.#callbacks?.whenReady?.();
  }

  /** The peer sends nothing more. */
  peerEnded(): void {
    const callbacks = this.#callbacks;
    if (callbacks?.onPeerEnd === undefined) {
      this.end();
      return;
    }
    try {
      callbacks.onPeerEnd();
    } catch (error) {
      this.#callbackFailed(error);
    }
  }

  /** Tells the user, once. An earlier `cancel` outweighs what the transport made of it. */
  close(failure: unknown): void {
    const callbacks = this.#callbacks;
    if (callbacks === undefined) return;
    this.#callbacks = undefined;
    const reason = this.#cancelled ?? failure;
    try {
      callbacks.onClose(reason === undefined ? undefined : fromConnectError(reason));
    } catch (error) {
      this.#logger.error('a stream handler failed in onClose', { error });
    }
  }

  #drained(): void {
    try {
      this.#callbacks?.onDrained?.();
    } catch (error) {
      this.#callbackFailed(error);
    }
  }

  #callbackFailed(error: unknown): void {
    if (error instanceof SpiderError) {
      this.cancel(error);
      return;
    }
    this.#logger.error('a stream handler failed', { error });
    this.cancel(new SpiderError('internal', 'internal error', { cause: error }));
  }
}
