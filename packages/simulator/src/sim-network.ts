import type { Transport } from '@connectrpc/connect';
import type { Rng } from '@spider/runtime';

import { SimConnection } from './sim-connection.ts';
import type { CallFate, Listener, SentMessage, Wire } from './sim-connection.ts';
import type { SimProcess } from './sim-process.ts';
import type { VirtualTime } from './virtual-time.ts';

/** How the network behaves when nothing is cut. */
export interface NetworkRates {
  /** The usual time of a message on its way. */
  readonly delayMs: number;
  /** How often, from 0 to 1, a message takes far longer … */
  readonly slowRate: number;
  /** … up to this. Messages of one stream stay in order, calls overtake one another. */
  readonly slowMs: number;
  /** How often a call, or its answer, gets lost. */
  readonly lossRate: number;
  /** How often a call comes a second time, some time later. */
  readonly repeatRate: number;
}

/** The longest that it takes to find that the other side of a connection is silent. */
const SILENCE_NOTICED_MS = 10_000;
/** The longest that a call lies somewhere before it comes again. */
const LATEST_REPEAT_MS = 2_000;

const WELL: CallFate = {};

/** All connections between the processes of a world, and what happens to them. */
export class SimNetwork implements Wire {
  readonly time: VirtualTime;
  readonly #rng: Rng;
  readonly #listeners = new Map<string, Listener>();
  readonly #connections = new Set<SimConnection>();
  readonly #unreachable = new Set<string>();
  readonly #onSent: (message: SentMessage) => void;
  #rates: NetworkRates;

  constructor(options: {
    readonly time: VirtualTime;
    readonly rng: Rng;
    readonly rates: NetworkRates;
    readonly onSent: (message: SentMessage) => void;
  }) {
    this.time = options.time;
    this.#rng = options.rng;
    this.#rates = options.rates;
    this.#onSent = options.onSent;
  }

  get openCalls(): number {
    let calls = 0;
    for (const connection of this.#connections) calls += connection.openCalls;
    return calls;
  }

  /** Serves at an address until the process dies. */
  listen(process: SimProcess, url: string, transport: Transport): void {
    const listener = { process, transport };
    this.#listeners.set(url, listener);
    process.onDeath(() => {
      if (this.#listeners.get(url) === listener) this.#listeners.delete(url);
    });
  }

  /** The way from a process to whoever listens there. Ends with the process. */
  connect(client: SimProcess, url: string): SimConnection {
    const connection = new SimConnection(this, client, url);
    this.#connections.add(connection);
    client.onDeath(() => {
      this.#cutConnection(connection, () => true);
      this.#connections.delete(connection);
    });
    return connection;
  }

  listener(client: SimProcess, url: string): Listener | 'refused' | 'unreachable' {
    if (this.#unreachable.has(linkOf(client.name, url))) return 'unreachable';
    const listener = this.#listeners.get(url);
    return listener?.process.isAlive === true ? listener : 'refused';
  }

  delayMs(): number {
    const { delayMs, slowRate, slowMs } = this.#rates;
    const draw = this.#rng.float();
    if (draw < slowRate) return this.#rng.float() * slowMs;
    return delayMs * (0.5 + this.#rng.float());
  }

  fateOfCall(): CallFate {
    const { lossRate, repeatRate } = this.#rates;
    if (this.#rng.float() < lossRate) {
      const noticedMs = this.#noticedMs();
      return { lost: this.#rng.float() < 0.5 ? 'call' : 'answer', noticedMs };
    }
    if (this.#rng.float() >= repeatRate) return WELL;
    return { againAfterMs: this.#rng.float() * LATEST_REPEAT_MS };
  }

  sent(message: SentMessage): void {
    this.#onSent(message);
  }

  /** Breaks what the process has open as a server; it was killed, or its machine is gone. */
  serverDied(server: SimProcess): void {
    for (const connection of this.#connections) {
      this.#cutConnection(connection, (other) => other === server);
    }
  }

  /** Breaks all connections of a client once. It may connect again at once. */
  reset(client: SimProcess): void {
    for (const connection of this.#connections) {
      if (connection.client !== client) continue;
      connection.cut(() => true, this.#noticedMs(), this.#noticedMs());
    }
  }

  /** Breaks one of the calls that are open, and nothing else of its connection. */
  resetStream(pick: number): void {
    const withCalls = [...this.#connections].filter(({ openCalls }) => openCalls > 0);
    withCalls[pick % withCalls.length]?.cutOne(pick, this.delayMs());
  }

  /** Nothing gets from the client to the address, and back, for a time. */
  partition(client: SimProcess, url: string, durationMs: number): void {
    const link = linkOf(client.name, url);
    this.#unreachable.add(link);
    for (const connection of this.#connections) {
      if (connection.client !== client || connection.url !== url) continue;
      connection.cut(() => true, this.#noticedMs(), this.#noticedMs());
    }
    this.time.after(durationMs, () => void this.#unreachable.delete(link));
  }

  /** Those who talk to a frozen process find it silent after a while, if it still is. */
  frozen(process: SimProcess): void {
    this.time.after(SILENCE_NOTICED_MS, () => {
      if (!process.isFrozen) return;
      for (const connection of this.#connections) {
        const isItsOwn = connection.client === process;
        connection.cut((server) => isItsOwn || server === process, 0, 0);
      }
    });
  }

  /** From now on nothing goes wrong any more. */
  heal(): void {
    const { delayMs } = this.#rates;
    this.#rates = { delayMs, slowRate: 0, slowMs: 0, lossRate: 0, repeatRate: 0 };
    this.#unreachable.clear();
  }

  #cutConnection(connection: SimConnection, isCut: (server: SimProcess) => boolean): void {
    // The operating system of a killed process says goodbye for it; a lost machine does not.
    const isSilent = this.#rng.float() < 0.1;
    const afterMs = isSilent ? this.#noticedMs() : this.delayMs();
    connection.cut(isCut, afterMs, afterMs);
  }

  #noticedMs(): number {
    return this.#rng.float() < 0.7 ? this.delayMs() : this.#rng.float() * SILENCE_NOTICED_MS;
  }
}

const linkOf = (client: string, url: string): string => `${client}>${url}`;
