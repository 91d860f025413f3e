import { once } from 'node:events';
import { rm } from 'node:fs/promises';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';

/** Where a server listens: on a port of this machine, or on a Unix socket. */
export type Place = { readonly port: number } | { readonly path: string };

/** How much may be on its way in one direction of a connection. */
const ON_ITS_WAY_MAX_BYTES = 4 * 1024 * 1024;

/** A way that connections to one server take, which can be cut, blocked and slowed. */
export class Link implements AsyncDisposable {
  readonly name: string;
  readonly #server: Server;
  readonly #target: Place;
  readonly #connections = new Set<Connection>();
  #isCut = false;
  readonly #passage: Passage = { isBlocked: false, delayMs: 0 };

  private constructor(name: string, target: Place) {
    this.name = name;
    this.#target = target;
    this.#server = createServer({ allowHalfOpen: true }, (socket) => this.#accept(socket));
  }

  /** A Unix socket is made at that path, or any free port of this machine is taken. */
  static async open(name: string, target: Place, path?: string): Promise<Link> {
    const link = new Link(name, target);
    if (path === undefined) link.#server.listen(0, '127.0.0.1');
    else link.#server.listen(path);
    await once(link.#server, 'listening');
    return link;
  }

  /** Where it begins. */
  get place(): Place {
    const address = this.#server.address();
    return typeof address === 'string' ? { path: address } : { port: this.port };
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  /** Breaks all connections, and refuses new ones until it is restored. */
  cut(): void {
    this.#isCut = true;
    this.break();
  }

  /** Breaks all connections. */
  break(): void {
    for (const connection of this.#connections) connection.destroy();
  }

  /** Nothing passes any more, and nobody is told, until it is restored. */
  block(): void {
    this.#passage.isBlocked = true;
    for (const connection of this.#connections) connection.update();
  }

  /** All takes so much longer, in each direction. */
  delay(ms: number): void {
    this.#passage.delayMs = ms;
  }

  restore(): void {
    this.#isCut = false;
    this.#passage.isBlocked = false;
    this.#passage.delayMs = 0;
    for (const connection of this.#connections) connection.update();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const address = this.#server.address();
    this.cut();
    this.#server.close();
    await once(this.#server, 'close');
    if (typeof address === 'string') await rm(address, { force: true });
  }

  #accept(socket: Socket): void {
    if (this.#isCut) {
      breakOff(socket);
      return;
    }
    const connection = new Connection(socket, connect({ ...this.#target, allowHalfOpen: true }));
    this.#connections.add(connection);
    connection.start(this.#passage, () => this.#connections.delete(connection));
  }
}

interface Passage {
  isBlocked: boolean;
  delayMs: number;
}

class Connection {
  readonly #near: Socket;
  readonly #far: Socket;
  #directions: readonly Direction[] = [];

  constructor(near: Socket, far: Socket) {
    this.#near = near;
    this.#far = far;
  }

  start(passage: Passage, onClose: () => void): void {
    const [near, far] = [this.#near, this.#far];
    this.#directions = [new Direction(near, far, passage), new Direction(far, near, passage)];
    for (const socket of [near, far]) {
      socket.setNoDelay(true);
      socket.on('error', () => this.destroy());
      socket.on('close', () => {
        this.destroy();
        onClose();
      });
    }
    this.update();
  }

  update(): void {
    for (const direction of this.#directions) direction.update();
  }

  destroy(): void {
    for (const socket of [this.#near, this.#far]) breakOff(socket);
  }
}

/** As if its machine were gone. A Unix socket has no reset. */
function breakOff(socket: Socket): void {
  if (socket.destroyed) return;
  if (socket.remoteAddress === undefined) socket.destroy();
  else socket.resetAndDestroy();
}

class Direction {
  readonly #from: Socket;
  readonly #to: Socket;
  readonly #passage: Passage;
  readonly #delayed: { readonly dueMs: number; readonly length: number; pass(): void }[] = [];
  #delayedBytes = 0;

  constructor(from: Socket, to: Socket, passage: Passage) {
    this.#from = from;
    this.#to = to;
    this.#passage = passage;
    from.on('data', (chunk: Buffer) => this.#take(chunk.length, () => to.write(chunk)));
    from.on('end', () => this.#take(0, () => to.end()));
    to.on('drain', () => this.update());
  }

  update(): void {
    const isFull = this.#to.writableNeedDrain || this.#delayedBytes > ON_ITS_WAY_MAX_BYTES;
    if (this.#passage.isBlocked || isFull) this.#from.pause();
    else this.#from.resume();
  }

  #take(length: number, pass: () => void): void {
    const { delayMs } = this.#passage;
    if (delayMs === 0 && this.#delayed.length === 0) {
      pass();
    } else {
      this.#delayed.push({ dueMs: performance.now() + delayMs, length, pass });
      this.#delayedBytes += length;
      if (this.#delayed.length === 1) setTimeout(() => this.#passDue(), delayMs);
    }
    this.update();
  }

  /** What comes later than something that is delayed does not overtake it. */
  #passDue(): void {
    for (;;) {
      const [first] = this.#delayed;
      if (first === undefined) break;
      const leftMs = first.dueMs - performance.now();
      if (leftMs > 0) {
        setTimeout(() => this.#passDue(), Math.ceil(leftMs));
        break;
      }
      this.#delayed.shift();
      this.#delayedBytes -= first.length;
      if (!this.#to.destroyed) first.pass();
    }
    this.update();
  }
}
