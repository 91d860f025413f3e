import {
  decodeExecutorRequest,
  encodeExecutorError,
  encodeShutdownRequest,
  type ExecutorError,
  ExecutorFrameReader,
  ExecutorOutcome,
  type ExecutorRequest,
  invalidArgument,
  LIMITS,
  SpiderError,
} from '@spider/core';
import type { TaskHost, TaskPackageEntry, TaskResult } from '@spider/tdl';
import { HeldResults } from './held-results.ts';
import type { PackageRegistry } from './package-registry.ts';

export interface ExecutorLoopOptions {
  readonly packages: Pick<PackageRegistry, 'get' | 'load'>;
  readonly host: TaskHost;
  /** Whether the execution manager understands more than the reference's format. */
  readonly hasExtensions: boolean;
  /** Takes result frames. The bytes are valid only during the call. */
  readonly write: (bytes: Uint8Array) => void;
  /** A monotonic clock. */
  readonly nowUs: () => number;
  /** Called when more bytes are welcome again. */
  readonly onDrain: () => void;
  /** Called when the executor was asked to end, or has answered the last request. */
  readonly onEnd: () => void;
  /** Called when requests make no sense or results find no taker. Nothing more is run. */
  readonly onFailure: (error: unknown) => void;
}

type Execute = Extract<ExecutorRequest, { kind: 'execute' }>;

const SHUTDOWN = encodeShutdownRequest();

/** Requests that may wait for a task; an execution manager does not send that many. */
const WAITING_BYTES = 2 * LIMITS.executorFrameBytes;

/**
 * Answers the requests of one execution manager in their order, one at a time. Where tasks return no
 * promise, all requests of a chunk are answered before `push` returns.
 */
export class ExecutorLoop {
  readonly #options: ExecutorLoopOptions;
  readonly #frames = new ExecutorFrameReader();
  readonly #results: HeldResults;
  /** Chunks that arrived while a task was running. */
  readonly #waiting: Uint8Array[] = [];
  #waitingBytes = 0;
  #isCrowded = false;
  /** The last few bytes that arrived. */
  #tail: Uint8Array = new Uint8Array(0);
  #isRunning = false;
  #isEnded = false;
  #isOver = false;

  constructor(options: ExecutorLoopOptions) {
    this.#options = options;
    this.#results = new HeldResults(options.write);
  }

  /** Whether the last that arrived asks the executor to end. */
  get isToShutDown(): boolean {
    return this.#tail.length === SHUTDOWN.length && this.#tail.every((b, i) => b === SHUTDOWN[i]);
  }

  /**
   * Takes the next bytes from the execution manager. Answers whether more are welcome; if not, they
   * are when `onDrain` is called.
   */
  push(chunk: Uint8Array): boolean {
    if (this.#isOver) return true;
    const isLong = chunk.length >= SHUTDOWN.length;
    this.#tail = (isLong ? chunk : Buffer.concat([this.#tail, chunk])).subarray(-SHUTDOWN.length);
    this.#waiting.push(chunk);
    this.#waitingBytes += chunk.length;
    if (!this.#isRunning) this.#run();
    this.#isCrowded = this.#waitingBytes >= WAITING_BYTES;
    return !this.#isCrowded;
  }

  /** Says that nothing more will arrive. What is there is still answered. */
  end(): void {
    this.#isEnded = true;
    if (!this.#isRunning) this.#run();
  }

  /** Lets go of the results that are held. To be called before the process ends by its own doing. */
  flush(): void {
    this.#results.flush();
  }

  /** Answers requests until none is left, or one has to be waited for. */
  #run(): void {
    try {
      while (!this.#isOver && this.#nextFrame()) {
        const answered = this.#answer();
        if (answered === undefined) continue;
        this.#isRunning = true;
        answered.then(this.#continue, this.#fail);
        break;
      }
      this.#results.flush();
      this.#welcomeMore();
      if (this.#isEnded && !this.#isRunning && !this.#isOver) this.#finish();
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

  #nextFrame(): boolean {
    while (!this.#frames.next()) {
      const chunk = this.#waiting.shift();
      if (chunk === undefined) return false;
      this.#waitingBytes -= chunk.length;
      this.#frames.push(chunk);
    }
    return true;
  }

  #welcomeMore(): void {
    if (!this.#isCrowded || this.#waitingBytes >= WAITING_BYTES) return;
    this.#isCrowded = false;
    this.#options.onDrain();
  }

  #finish(): void {
    if (!this.#frames.isAtBoundary) throw invalidArgument('stdin ended inside a request');
    this.#end();
  }

  #end(): void {
    this.#results.flush();
    this.#isOver = true;
    this.#options.onEnd();
  }

  /** Answers the request in the frame at hand; there is a promise only if that takes time. */
  #answer(): Promise<void> | undefined {
    const { bytes, start, end } = this.#frames;
    const request = decodeExecutorRequest(bytes, start, end);
    if (request.kind === 'shutdown') {
      this.#end();
      return undefined;
    }
    const entry = this.#options.packages.get(request.packageName);
    return entry === undefined ? this.#loadAndExecute(request) : this.#execute(entry, request);
  }

  async #loadAndExecute(request: Execute): Promise<void> {
    const loaded = await this.#options.packages.load(request.packageName);
    if ('kind' in loaded) this.#addError(loaded, false, 0, this.#options.nowUs());
    else await this.#execute(loaded, request);
  }

  #execute(entry: TaskPackageEntry, request: Execute): Promise<void> | undefined {
    const { functionName, context, inputs } = request;
    const { host, nowUs } = this.#options;
    const startUs = nowUs();
    this.#results.flushBefore(functionName, startUs);
    const result = entry.execute(functionName, context, inputs, host);
    if (result instanceof Promise) {
      return result.then((later) => this.#add(later, functionName, startUs));
    }
    this.#add(result, functionName, startUs);
    return undefined;
  }

  #add(result: TaskResult, functionName: string, startUs: number): void {
    const nowUs = this.#options.nowUs();
    const elapsedUs = nowUs - startUs;
    if (!(result instanceof Uint8Array)) {
      this.#addError({ kind: 'TaskError', error: result.error }, result.isFinal, elapsedUs, nowUs);
      return;
    }
    this.#results.recordPace(functionName, elapsedUs);
    try {
      this.#results.add(ExecutorOutcome.Succeeded, result, elapsedUs, nowUs);
    } catch (error) {
      if (!(error instanceof SpiderError)) throw error;
      const message = `the outputs are too large: ${error.message}`;
      const tooLarge = { kind: 'SerializationError', message } as const;
      this.#addError({ kind: 'TaskError', error: tooLarge }, true, elapsedUs, nowUs);
    }
  }

  #addError(error: ExecutorError, isFinal: boolean, elapsedUs: number, nowUs: number): void {
    const isForGood = isFinal && this.#options.hasExtensions;
    const outcome = isForGood ? ExecutorOutcome.FailedForGood : ExecutorOutcome.Failed;
    this.#results.add(outcome, encodeExecutorError(error), elapsedUs, nowUs);
  }
}
