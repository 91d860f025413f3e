import type { Clock, Timer } from '@spider/runtime';

/** Tells a peer that we live while its messages, and with them its heartbeats, are not read. */
export class SignsOfLife {
  readonly #clock: Clock;
  readonly #intervalMs: number;
  readonly #send: () => void;
  #timer: Timer | undefined;

  constructor(
    { clock, heartbeatIntervalMs }: { readonly clock: Clock; readonly heartbeatIntervalMs: number },
    send: () => void,
  ) {
    this.#clock = clock;
    this.#intervalMs = heartbeatIntervalMs / 2;
    this.#send = send;
  }

  /** Sends one after each half of a heartbeat's interval, until the promise has resolved. */
  sendUntil(done: Promise<void>): void {
    this.#arm();
    void done.then(() => this.stop());
  }

  stop(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
  }

  #arm(): void {
    this.#timer?.cancel();
    this.#timer = this.#clock.setTimer(this.#intervalMs, () => {
      this.#send();
      this.#arm();
    });
  }
}
