import {
  appendCancelRequest,
  appendExecuteRequest,
  appendGiveBackRequest,
  appendShutdownRequest,
  ByteWriter,
  decodeExecutorNotice,
  decodeExecutorResult,
  EMPTY_FRAME,
  encodeExecutePrefix,
  ExecutorFrameReader,
  type ExecutorOutcome,
} from '@spider/core';
import type { InstanceList } from '../machine/instance-lot.ts';
import type { ResponseBatch } from '../machine/slot-event.ts';
import { ExecuteEncoder } from './execute-frames.ts';

/**
 * No package has this name, so whatever runs at the other end answers with an error, and thereby
 * says that it is up. There is no other greeting that executors of all makes understand.
 */
const PROBE_PACKAGE = '';
/** Requests that were made before the first task. */
const PROBES = 1;

export interface FrameChannelOptions {
  /** What the body of a message may have; default: `LIMITS.executorFrameBytes`. */
  readonly maxMessageBytes?: number | undefined;
  /** Writes to the executor. The bytes belong to the writer from then on. */
  readonly write: (bytes: Uint8Array) => void;
  /** The executor has answered for the first time; it may have said that it has extensions. */
  readonly onStarted: (hasExtensions: boolean) => void;
  /** Payloads are views of chunks. */
  readonly onResponses: (responses: ResponseBatch) => void;
  readonly onGivenBack: (count: number) => void;
}

/** Speaks the executor pipe: many requests in one write, all answers of a chunk in one call. */
export class FrameChannel {
  readonly #options: FrameChannelOptions;
  readonly #encoder = new ExecuteEncoder();
  readonly #frames: ExecutorFrameReader;
  #hasStarted = false;
  #hasExtensions = false;

  constructor(options: FrameChannelOptions) {
    this.#options = options;
    this.#frames = new ExecutorFrameReader(options.maxMessageBytes);
    this.#probe();
  }

  execute(instances: InstanceList): void {
    this.#options.write(this.#encoder.encode(instances, this.#hasExtensions));
  }

  /** Says of requests, counted from 0, that their results are not wanted. */
  cancel(requests: readonly number[]): void {
    const writer = new ByteWriter(16 * requests.length);
    for (const request of requests) appendCancelRequest(writer, PROBES + request);
    this.#options.write(writer.toBytes());
  }

  /** Asks for the requests that were not begun. */
  askBack(): void {
    const writer = new ByteWriter(8);
    appendGiveBackRequest(writer);
    this.#options.write(writer.toBytes());
  }

  /** Asks the executor to end once it has answered everything before. */
  requestShutdown(): void {
    const writer = new ByteWriter(8);
    appendShutdownRequest(writer);
    this.#options.write(writer.toBytes());
  }

  /**
   * Takes bytes that the executor has written.
   *
   * @throws SpiderError 'invalid-argument' if they are no answers. The channel is of no use then.
   */
  push(chunk: Uint8Array): void {
    const frames = this.#frames;
    const outcomes: ExecutorOutcome[] = [];
    const elapsedUs: number[] = [];
    const payloads: Uint8Array[] = [];
    const givenBack: number[] = [];
    frames.push(chunk);
    try {
      while (frames.next()) {
        const notice = decodeExecutorNotice(frames.bytes, frames.start, frames.end);
        if (notice !== undefined) {
          if (notice.kind === 'greeting') this.#hasExtensions = true;
          else givenBack.push(notice.count);
          continue;
        }
        const result = decodeExecutorResult(frames.bytes, frames.start, frames.end);
        if (!this.#hasStarted) {
          this.#hasStarted = true;
          this.#options.onStarted(this.#hasExtensions);
          continue;
        }
        outcomes.push(result.outcome);
        elapsedUs.push(result.elapsedUs);
        payloads.push(result.payload);
      }
    } finally {
      const count = outcomes.length;
      // These are the last requests of all, so that it does not matter which answers came before.
      for (const each of givenBack) this.#options.onGivenBack(each);
      if (count > 0) this.#options.onResponses({ count, outcomes, elapsedUs, payloads });
    }
  }

  #probe(): void {
    const writer = new ByteWriter(64);
    const prefix = encodeExecutePrefix(PROBE_PACKAGE, '');
    appendExecuteRequest(writer, prefix, new Uint8Array(0), EMPTY_FRAME);
    this.#options.write(writer.toBytes());
  }
}
