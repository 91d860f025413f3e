import { SpiderError } from '@spider/core';

export interface UploadBudgetOptions {
  /** Bytes of all uploads together. */
  readonly mostBytes: number;
  /** Uploads at a time. */
  readonly mostUploads: number;
}

/** The memory for submissions that arrive in pieces, over all connections. */
export class UploadBudget {
  readonly #options: UploadBudgetOptions;
  #bytes = 0;
  #uploads = 0;

  constructor(options: UploadBudgetOptions) {
    this.#options = options;
  }

  /** Bytes that are set aside now. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Uploads under way. */
  get uploads(): number {
    return this.#uploads;
  }

  /**
   * Sets the bytes of one upload aside until it is disposed of.
   *
   * @throws SpiderError 'resource-exhausted' naming the limit.
   */
  reserve(bytes: number): Disposable {
    const { mostBytes, mostUploads } = this.#options;
    if (this.#uploads >= mostUploads) {
      throw exhausted(
        `${this.#uploads} uploads are under way, and runtime.limits.uploads allows no more`,
      );
    }
    if (this.#bytes + bytes > mostBytes) {
      throw exhausted(
        `task_graph_bytes and inputs_bytes: ${bytes} bytes beside the ${this.#bytes} of other uploads ` +
          `are more than the ${mostBytes} of runtime.limits.upload_bytes`,
      );
    }
    this.#bytes += bytes;
    this.#uploads += 1;
    let isHeld = true;
    return {
      [Symbol.dispose]: () => {
        if (!isHeld) return;
        isHeld = false;
        this.#bytes -= bytes;
        this.#uploads -= 1;
      },
    };
  }
}

const exhausted = (message: string): SpiderError => new SpiderError('resource-exhausted', message);
