import {
  type ExecutorControl,
  ExecutorFrameReader,
  type ExecutorRequest,
  decodeExecutorRequest,
  invalidArgument,
} from '@spider/core';

export type Execute = Extract<ExecutorRequest, { kind: 'execute' }>;
/** What is answered in its turn. */
export type TurnRequest = Exclude<ExecutorRequest, ExecutorControl>;

export interface RequestQueueOptions {
  /** Whether requests may be more than the reference's. */
  readonly hasExtensions: boolean;
  /** What the body of a request may have. */
  readonly messageBytes: number;
  /** Takes what is not to wait for its turn. */
  readonly onControl: (control: ExecutorControl) => void;
}

/**
 * The requests that have arrived and whose turn has not come. They are read one by one as they are
 * taken, unless somebody reads ahead to find those that must not wait.
 */
export class RequestQueue {
  readonly #options: RequestQueueOptions;
  readonly #frames: ExecutorFrameReader;
  /** Chunks of which nothing was read yet. */
  readonly #chunks: Uint8Array[] = [];
  #chunkBytes = 0;
  /** Requests that were read and not taken, oldest first. */
  #pending: TurnRequest[] = [];
  #pendingBytes = 0;
  /** How many tasks were asked for so far. */
  #received = 0;

  constructor(options: RequestQueueOptions) {
    this.#options = options;
    this.#frames = new ExecutorFrameReader(options.messageBytes);
  }

  /** Bytes that wait, more or less. */
  get bytes(): number {
    return this.#chunkBytes + this.#pendingBytes;
  }

  /** Whether nothing is there beyond what was taken, not even the beginning of a request. */
  get isEmpty(): boolean {
    return this.#pending.length === 0 && this.#chunks.length === 0 && this.#frames.isAtBoundary;
  }

  /** The number of the task that is asked for next. Tasks count from 0 in the order of requests. */
  get nextNumber(): number {
    return this.#received - this.#pending.length;
  }

  push(chunk: Uint8Array): void {
    this.#chunks.push(chunk);
    this.#chunkBytes += chunk.length;
  }

  /**
   * Takes the next request.
   *
   * @throws SpiderError 'invalid-argument' if it makes no sense.
   */
  take(): TurnRequest | undefined {
    const pending = this.#pending.shift();
    if (pending === undefined) return this.#read();
    this.#pendingBytes -= bytesOf(pending);
    return pending;
  }

  /**
   * Reads all that is there, so that what must not wait is heard of.
   *
   * @throws SpiderError 'invalid-argument' if it makes no sense.
   */
  readAhead(): void {
    for (let request = this.#read(); request !== undefined; request = this.#read()) {
      this.#pending.push(request);
      this.#pendingBytes += bytesOf(request);
    }
  }

  /** Forgets the tasks that were read and not taken, as if they had never come; answers how many. */
  forgetPending(): number {
    const kept = this.#pending.filter(({ kind }) => kind !== 'execute');
    const count = this.#pending.length - kept.length;
    this.#pending = kept;
    this.#pendingBytes = 0;
    this.#received -= count;
    return count;
  }

  /** Whether a task of that number was asked for and is still to be run. */
  isPending(number: number): boolean {
    return number >= this.nextNumber && number < this.#received;
  }

  #read(): TurnRequest | undefined {
    while (this.#nextFrame()) {
      const { bytes, start, end } = this.#frames;
      const request = decodeExecutorRequest(bytes, start, end);
      switch (request.kind) {
        case 'execute':
          if (request.hardTimeoutMs !== undefined) this.#checkExtended('a limit');
          this.#received += 1;
          return request;
        case 'shutdown':
          return request;
        case 'cancel':
        case 'give-back':
          this.#checkExtended(request.kind);
          this.#options.onControl(request);
          break;
        default:
          request satisfies never;
      }
    }
    return undefined;
  }

  #checkExtended(what: string): void {
    if (this.#options.hasExtensions) return;
    throw invalidArgument(`${what} is in an executor request, though extensions are off`);
  }

  #nextFrame(): boolean {
    while (!this.#frames.next()) {
      const chunk = this.#chunks.shift();
      if (chunk === undefined) return false;
      this.#chunkBytes -= chunk.length;
      this.#frames.push(chunk);
    }
    return true;
  }
}

function bytesOf(request: TurnRequest): number {
  return request.kind === 'execute' ? request.context.length + request.inputs.length : 0;
}
