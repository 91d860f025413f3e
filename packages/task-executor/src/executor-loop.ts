import {
  appendResult,
  ByteWriter,
  decodeExecutorRequest,
  encodeExecutorError,
  type ExecutorError,
  ExecutorFrameReader,
  ExecutorOutcome,
  type ExecutorRequest,
  SpiderError,
} from '@spider/core';
import type { TaskHost, TaskPackageEntry, TaskResult } from '@spider/tdl';
import type { PackageRegistry } from './package-registry.ts';
import { TaskPace } from './task-pace.ts';

export interface ExecutorLoopOptions {
  readonly packages: PackageRegistry;
  readonly host: TaskHost;
  /** Whether the execution manager understands more than the reference's format. */
  readonly hasExtensions: boolean;
  /** Takes result frames. The bytes are valid only during the call. */
  readonly write: (bytes: Uint8Array) => void;
  /** A monotonic clock. */
  readonly nowUs: () => number;
  /** Called once, when a request asked the executor to end. */
  readonly onShutdown: () => void;
  /** Called once, when requests make no sense or results find no taker. Nothing more is run. */
  readonly onFailure: (error: unknown) => void;
}

type Execute = Extract<ExecutorRequest, { kind: 'execute' }>;

/** Results wait for each other no longer than this, unless a task takes longer than expected. */
const HOLD_US = 50;
const HOLD_BYTES = 64 * 1024;

/**
 * Answers the requests of one execution manager in their order, one at a time. Where tasks return no
 * promise, all requests of a chunk are answered before `push` returns.
 *
 * Results of quick tasks that came in one chunk leave in one write: it costs as much as such a task. No
 * result waits for a task that is expected to take longer, or that returned a promise.
 */
export class ExecutorLoop {
  readonly #options: ExecutorLoopOptions;
  readonly #frames = new ExecutorFrameReader();
  /** Chunks that arrived while a task was running. */
  readonly #waiting: Uint8Array[] = [];
  readonly #held = new ByteWriter(HOLD_BYTES);
  #heldSinceUs = 0;
  readonly #pace = new TaskPace();
  #isRunning = false;
  #isOver = false;

  constructor(options: ExecutorLoopOptions) {
    this.#options = options;
  }

  /** Whether a task is running whose promise is to be waited for. */
  get isRunning(): boolean {
    return this.#isRunning;
  }

  /** Whether every request that has begun to arrive is whole. */
  get isAtBoundary(): boolean {
    return this.#frames.isAtBoundary;
  }

  /** Takes the next bytes from the execution manager. */
  push(chunk: Uint8Array): void {
    this.#waiting.push(chunk);
    if (!this.#isRunning) this.#run();
  }

  /** Lets go of the results that are held. To be called before the process ends by its own doing. */
  flush(): void {
    if (this.#held.length === 0) return;
    this.#options.write(this.#held.peek());
    this.#held.clear();
  }

  /** Answers requests until none is left, or one has to be waited for. */
  #run(): void {
    try {
      while (!this.#isOver) {
        if (this.#frames.next()) {
          const answered = this.#answer();
          if (answered === undefined) continue;
          this.#isRunning = true;
          answered.then(this.#continue, this.#fail);
          break;
        }
        const chunk = this.#waiting.shift();
        if (chunk === undefined) break;
        this.#frames.push(chunk);
      }
      this.flush();
    } catch (error) {
      this.#fail(error);
    }
  }

  readonly #continue = (): void => {
    this.#isRunning = false;
    this.#run();
  };

  readonly #fail = (error: unknown): void => {
    this.#isOver = true;
    this.#options.onFailure(error);
  };

  /** Answers the request in the frame at hand; there is a promise only if that takes time. */
  #answer(): Promise<void> | undefined {
    const { bytes, start, end } = this.#frames;
    const request = decodeExecutorRequest(bytes, start, end);
    if (request.kind === 'shutdown') {
      this.flush();
      this.#isOver = true;
      this.#options.onShutdown();
      return undefined;
    }
    const entry = this.#options.packages.get(request.packageName);
    return entry === undefined ? this.#loadAndExecute(request) : this.#execute(entry, request);
  }

  async #loadAndExecute(request: Execute): Promise<void> {
    const loaded = await this.#options.packages.load(request.packageName);
    if ('kind' in loaded) this.#holdError(loaded, false, 0);
    else await this.#execute(loaded, request);
  }

  #execute(entry: TaskPackageEntry, request: Execute): Promise<void> | undefined {
    const { functionName, context, inputs } = request;
    const { host, nowUs } = this.#options;
    const startUs = nowUs();
    this.#flushBefore(functionName, startUs);
    const result = entry.execute(functionName, context, inputs, host);
    if (result instanceof Promise) {
      return result.then((later) => this.#hold(later, functionName, startUs));
    }
    this.#hold(result, functionName, startUs);
    return undefined;
  }

  #flushBefore(functionName: string, nowUs: number): void {
    if (this.#held.length === 0) return;
    const isDue = nowUs - this.#heldSinceUs > HOLD_US || this.#held.length >= HOLD_BYTES;
    if (isDue || this.#pace.expectedUs(functionName) > HOLD_US) this.flush();
  }

  #hold(result: TaskResult, functionName: string, startUs: number): void {
    const elapsedUs = this.#options.nowUs() - startUs;
    if (this.#held.length === 0) this.#heldSinceUs = startUs;
    if (!(result instanceof Uint8Array)) {
      this.#holdError({ kind: 'TaskError', error: result.error }, result.isFinal, elapsedUs);
      return;
    }
    this.#pace.record(functionName, elapsedUs);
    try {
      appendResult(this.#held, ExecutorOutcome.Succeeded, result, Math.round(elapsedUs));
    } catch (error) {
      if (!(error instanceof SpiderError)) throw error;
      const message = `the outputs are too large: ${error.message}`;
      const tooLarge = { kind: 'SerializationError', message } as const;
      this.#holdError({ kind: 'TaskError', error: tooLarge }, true, elapsedUs);
    }
  }

  #holdError(error: ExecutorError, isFinal: boolean, elapsedUs: number): void {
    const outcome =
      isFinal && this.#options.hasExtensions
        ? ExecutorOutcome.FailedForGood
        : ExecutorOutcome.Failed;
    appendResult(this.#held, outcome, encodeExecutorError(error), Math.round(elapsedUs));
  }
}
