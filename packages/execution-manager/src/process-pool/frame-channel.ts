import {
  appendExecuteRequest,
  appendShutdownRequest,
  ByteWriter,
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

export interface FrameChannelOptions {
  /** Writes to the executor. The bytes belong to the writer from then on. */
  readonly write: (bytes: Uint8Array) => void;
  /** The executor has answered for the first time. */
  readonly onStarted: () => void;
  /** Payloads are views of chunks. */
  readonly onResponses: (responses: ResponseBatch) => void;
}

/** Speaks the executor pipe: many requests in one write, all answers of a chunk in one call. */
export class FrameChannel {
  readonly #options: FrameChannelOptions;
  readonly #encoder = new ExecuteEncoder();
  readonly #frames = new ExecutorFrameReader();
  #hasStarted = false;

  constructor(options: FrameChannelOptions) {
    this.#options = options;
    this.#probe();
  }

  execute(instances: InstanceList): void {
    this.#options.write(this.#encoder.encode(instances));
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
    frames.push(chunk);
    try {
      while (frames.next()) {
        const result = decodeExecutorResult(frames.bytes, frames.start, frames.end);
        if (!this.#hasStarted) {
          this.#hasStarted = true;
          this.#options.onStarted();
          continue;
        }
        outcomes.push(result.outcome);
        elapsedUs.push(result.elapsedUs);
        payloads.push(result.payload);
      }
    } finally {
      const count = outcomes.length;
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
