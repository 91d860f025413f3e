import {
  appendCancelRequest,
  appendExecuteRequest,
  appendGiveBackRequest,
  appendShutdownRequest,
  ByteWriter,
  decodeExecutorNotice,
  EMPTY_FRAME,
  encodeExecutePrefix,
  ExecutorFrameReader,
  type ExecutorOutcome,
  ExecutorResultReader,
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
  /** Payloads lie in a chunk. */
  readonly onResponses: (responses: ResponseBatch) => void;
  readonly onGivenBack: (count: number) => void;
}

/** A batch of answers while it is filled. */
interface GatheredResponses extends ResponseBatch {
  count: number;
  readonly outcomes: ExecutorOutcome[];
  readonly elapsedUs: number[];
  readonly payloads: {
    readonly bytes: Uint8Array;
    readonly starts: number[];
    readonly ends: number[];
  };
}

/** Speaks the executor pipe: many requests in one write, all answers of a chunk in one call. */
export class FrameChannel {
  readonly #options: FrameChannelOptions;
  readonly #encoder = new ExecuteEncoder();
  readonly #frames: ExecutorFrameReader;
  readonly #result = new ExecutorResultReader();
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
    const batches: GatheredResponses[] = [];
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
        this.#result.read(frames.bytes, frames.start, frames.end);
        if (this.#hasStarted) this.#gather(batches);
        else {
          this.#hasStarted = true;
          this.#options.onStarted(this.#hasExtensions);
        }
      }
    } finally {
      // These are the last requests of all, so that it does not matter which answers came before.
      for (const each of givenBack) this.#options.onGivenBack(each);
      for (const batch of batches) this.#options.onResponses(batch);
    }
  }

  /** A body that was cut in two lies in bytes of its own, and begins a batch of its own. */
  #gather(batches: GatheredResponses[]): void {
    const { bytes } = this.#frames;
    let batch = batches.at(-1);
    if (batch?.payloads.bytes !== bytes) {
      batch = {
        count: 0,
        outcomes: [],
        elapsedUs: [],
        payloads: { bytes, starts: [], ends: [] },
      };
      batches.push(batch);
    }
    const { outcome, elapsedUs, payloadStart, payloadEnd } = this.#result;
    batch.count += 1;
    batch.outcomes.push(outcome);
    batch.elapsedUs.push(elapsedUs);
    batch.payloads.starts.push(payloadStart);
    batch.payloads.ends.push(payloadEnd);
  }

  #probe(): void {
    const writer = new ByteWriter(64);
    const prefix = encodeExecutePrefix(PROBE_PACKAGE, '');
    appendExecuteRequest(writer, prefix, new Uint8Array(0), EMPTY_FRAME);
    this.#options.write(writer.toBytes());
  }
}
