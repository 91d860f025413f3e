import type { Http2Session } from 'node:http2';
import type { Socket } from 'node:net';
import { TLSSocket } from 'node:tls';

import type { Clock, Timer } from '../clock.ts';
import type { Peer } from './peer.ts';
import { isCertifiedAs } from './tls/server-tls.ts';

export interface SessionWatchOptions {
  /** A peer of which nothing was heard for so long is asked. */
  readonly intervalMs: number;
  /** How long it may take to answer. */
  readonly timeoutMs: number;
  /** The peer didn't answer in time. */
  readonly onDead: () => void;
}

/**
 * Pings a peer that is quiet, to find out when it has frozen or was cut off without a word. A peer that
 * pings by itself, or answers the pings of somebody else here, is not asked.
 */
export class SessionWatch implements Peer {
  readonly #session: Http2Session;
  readonly #socket: Socket;
  readonly #clock: Clock;
  readonly #options: SessionWatchOptions;
  #heardUs: number;
  #timer: Timer;

  /** The socket is the one that the session stands on. */
  constructor(session: Http2Session, socket: Socket, clock: Clock, options: SessionWatchOptions) {
    this.#session = session;
    this.#socket = socket;
    this.#clock = clock;
    this.#options = options;
    this.#heardUs = clock.monotonicUs();
    this.#timer = this.#wait(options.intervalMs);
    session.on('ping', () => this.#heard());
    session.once('close', () => this.#timer.cancel());
  }

  get heardUs(): number {
    return this.#heardUs;
  }

  isCertifiedAs(name: string): boolean {
    const socket = this.#socket;
    return socket instanceof TLSSocket && !socket.destroyed && isCertifiedAs(socket, name);
  }

  /** Asks the peer now, and calls back if it answers. */
  ping(onAnswer: () => void): void {
    if (this.#session.destroyed) return;
    this.#session.ping((error) => {
      if (error !== null) return;
      this.#heard();
      onAnswer();
    });
  }

  /**
   * Ends the session at once. One that was closing, or had, would wait for its peer to hang up, and a
   * peer may never do that.
   */
  cut(): void {
    const isClosing = this.#session.closed;
    this.#timer.cancel();
    this.#session.destroy();
    if (isClosing) this.#socket.destroy();
  }

  #heard(): void {
    this.#heardUs = this.#clock.monotonicUs();
  }

  #wait(delayMs: number): Timer {
    return this.#clock.setTimer(delayMs, () => this.#look());
  }

  #look(): void {
    const { intervalMs } = this.#options;
    const quietMs = (this.#clock.monotonicUs() - this.#heardUs) / 1000;
    if (quietMs < intervalMs) this.#timer = this.#wait(intervalMs - quietMs);
    else this.#ask();
  }

  /** A session that is gone while its socket is not has a peer that does not hang up: no answer either. */
  #ask(): void {
    const { intervalMs, timeoutMs, onDead } = this.#options;
    this.#timer = this.#clock.setTimer(timeoutMs, onDead);
    this.ping(() => {
      this.#timer.cancel();
      this.#timer = this.#wait(intervalMs);
    });
  }
}
