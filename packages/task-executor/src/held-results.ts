import {
  appendGivenBack,
  appendGreeting,
  appendResult,
  ByteWriter,
  type ExecutorOutcome,
} from '@spider/core';
import { TaskPace } from './task-pace.ts';

/** Results wait for each other no longer than this, unless a task takes longer than expected. */
const HOLD_US = 50;
const HOLD_BYTES = 64 * 1024;

/**
 * Gathers the results of quick tasks for one write, which costs as much as such a task. No result waits
 * for a task that is expected to take longer.
 */
export class HeldResults {
  readonly #write: (bytes: Uint8Array) => void;
  readonly #bytes = new ByteWriter(HOLD_BYTES);
  readonly #pace = new TaskPace();
  readonly #messageBytes: number;
  #sinceUs = 0;

  /** @param messageBytes what the body of a frame may have. */
  constructor(write: (bytes: Uint8Array) => void, messageBytes: number) {
    this.#write = write;
    this.#messageBytes = messageBytes;
  }

  /**
   * Adds the frame of a result.
   *
   * @param nowUs the time at which it was there.
   * @throws SpiderError 'resource-exhausted' if it exceeds what one frame may have.
   */
  add(outcome: ExecutorOutcome, payload: Uint8Array, elapsedUs: number, nowUs: number): void {
    if (this.#bytes.length === 0) this.#sinceUs = nowUs;
    appendResult(this.#bytes, outcome, payload, Math.round(elapsedUs), this.#messageBytes);
  }

  /** Says at once that more is understood than the reference's messages. */
  greet(): void {
    appendGreeting(this.#bytes);
    this.flush();
  }

  /** Says at once how many requests were given back. */
  giveBack(count: number): void {
    appendGivenBack(this.#bytes, count);
    this.flush();
  }

  /** Notes how long a task function took. */
  recordPace(functionName: string, elapsedUs: number): void {
    this.#pace.record(functionName, elapsedUs);
  }

  /** To be called before a task is run: lets go of results that should not wait for it. */
  flushBefore(functionName: string, nowUs: number): void {
    if (this.#bytes.length === 0) return;
    const isDue = nowUs - this.#sinceUs >= HOLD_US || this.#bytes.length >= HOLD_BYTES;
    if (isDue || this.#pace.expectedUs(functionName) >= HOLD_US) this.flush();
  }

  /** Lets go of all results. */
  flush(): void {
    if (this.#bytes.length === 0) return;
    const results = this.#bytes.peek();
    this.#bytes.clear();
    this.#write(results);
  }
}
