import {
  encodeExecutorError,
  encodeShutdownRequest,
  type ExecutorControl,
  type ExecutorError,
  ExecutorOutcome,
  invalidArgument,
  LIMITS,
  SpiderError,
} from '@spider/core';
import type { TaskHost, TaskPackageEntry, TaskResult } from '@spider/tdl';
import { HeldResults } from './held-results.ts';
import type { PackageRegistry } from './package-registry.ts';
import { type Execute, RequestQueue, type TurnRequest } from './request-queue.ts';
import { RunningTask } from './running-task.ts';

export interface ExecutorLoopOptions {
  readonly packages: Pick<PackageRegistry, 'get' | 'load'>;
  readonly host: Pick<TaskHost, 'zstd' | 'log'>;
  /** Whether the execution manager understands more than the reference's format. */
  readonly hasExtensions: boolean;
  /** What the body of a message may have; default: `LIMITS.executorFrameBytes`. */
  readonly messageBytes?: number | undefined;
  /** Told of each task before it is run and when it has ended. */
  readonly output?: { begin(context: Uint8Array): void; end(): void } | undefined;
  /** Takes frames of results. The bytes are valid only during the call. */
  readonly write: (bytes: Uint8Array) => void;
  /** A monotonic clock. */
  readonly nowUs: () => number;
  /** Calls back once what has arrived meanwhile was pushed. */
  readonly afterReading: (callback: () => void) => void;
  /** Calls back after so long, once. Answers what prevents it. */
  readonly setTimer: (delayMs: number, callback: () => void) => () => void;
  /** Called when more bytes are welcome again. */
  readonly onDrain: () => void;
  /** Called when the executor was asked to end, or has answered the last request. */
  readonly onEnd: () => void;
  /** Called when requests make no sense or results find no taker. Nothing more is run. */
  readonly onFailure: (error: unknown) => void;
}

const SHUTDOWN = encodeShutdownRequest();

/** Of the largest requests, how many may wait for a task; an execution manager does not send that many. */
const WAITING_REQUESTS = 2;
/** After a task that took so long it is worth to look whether what is behind it is still wanted. */
const LONG_US = 5_000;

/**
 * Answers the requests of one execution manager in their order, one at a time. Where tasks return no
 * promise and are quick, all requests of a chunk are answered before `push` returns. While a task
 * awaits something, and after each long one, requests to cancel or to give back are heard.
 */
export class ExecutorLoop {
  readonly #options: ExecutorLoopOptions;
  readonly #requests: RequestQueue;
  readonly #results: HeldResults;
  readonly #running: RunningTask;
  readonly #host: TaskHost;
  /** Numbers of tasks that are not to be run when their turn comes. */
  readonly #cancelled = new Set<number>();
  /** The number of the task whose package is being loaded. */
  #loadingFor: number | undefined;
  readonly #waitingBytesMax: number;
  #isCrowded = false;
  /** The last few bytes that arrived. */
  #tail: Uint8Array = new Uint8Array(0);
  #isRunning = false;
  #wasLong = false;
  #isEnded = false;
  #isOver = false;

  constructor(options: ExecutorLoopOptions) {
    this.#options = options;
    const { messageBytes = LIMITS.executorFrameBytes } = options;
    this.#waitingBytesMax = WAITING_REQUESTS * messageBytes;
    this.#results = new HeldResults(options.write, messageBytes);
    const running = new RunningTask(options, options.nowUs);
    this.#running = running;
    this.#host = {
      ...options.host,
      get taskNumber() {
        return running.number;
      },
      onStop: (number, callback) => running.onStop(number, callback),
    };
    this.#requests = new RequestQueue({
      hasExtensions: options.hasExtensions,
      messageBytes,
      onControl: (control) => this.#heed(control),
    });
    if (options.hasExtensions) this.#results.greet();
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
    this.#requests.push(chunk);
    if (this.#isRunning) this.#readAhead();
    else this.#run();
    this.#isCrowded = this.#requests.bytes >= this.#waitingBytesMax;
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
      while (!this.#isOver && !this.#isRunning) {
        const request = this.#requests.take();
        if (request === undefined) break;
        const answered = this.#answer(request);
        if (answered !== undefined) {
          this.#isRunning = true;
          answered.then(this.#continue, this.#fail);
        } else if (this.#wasLong) {
          this.#wasLong = false;
          this.#pause();
        }
      }
      this.#results.flush();
      if (this.#isRunning) this.#readAhead();
      this.#welcomeMore();
      if (this.#isEnded && !this.#isRunning && !this.#isOver) this.#finish();
    } catch (error) {
      this.#fail(error);
    }
  }

  /** Lets arrive what is there, in case it says that what waits is not wanted. */
  #pause(): void {
    if (!this.#options.hasExtensions || this.#isOver || this.#requests.isEmpty) return;
    this.#isRunning = true;
    this.#options.afterReading(this.#continue);
  }

  readonly #continue = (): void => {
    this.#isRunning = false;
    this.#run();
  };

  readonly #fail = (error: unknown): void => {
    this.#isOver = true;
    this.#options.onFailure(error);
  };

  /** Only what is beyond the reference's requests does not wait for its turn. */
  #readAhead(): void {
    if (!this.#options.hasExtensions || this.#isOver) return;
    try {
      this.#requests.readAhead();
    } catch (error) {
      this.#fail(error);
    }
  }

  #heed(control: ExecutorControl): void {
    switch (control.kind) {
      case 'cancel':
        this.#running.stop(control.request, 'the task was cancelled');
        if (this.#isToBegin(control.request)) this.#cancelled.add(control.request);
        return;
      case 'give-back': {
        const first = this.#requests.nextNumber;
        const count = this.#requests.forgetPending();
        for (let i = 0; i < count; i += 1) this.#cancelled.delete(first + i);
        this.#results.giveBack(count);
        return;
      }
      default:
        control satisfies never;
    }
  }

  #isToBegin(number: number): boolean {
    return this.#requests.isPending(number) || number === this.#loadingFor;
  }

  #welcomeMore(): void {
    if (!this.#isCrowded || this.#requests.bytes >= this.#waitingBytesMax) return;
    this.#isCrowded = false;
    this.#options.onDrain();
  }

  #finish(): void {
    if (!this.#requests.isEmpty) throw invalidArgument('stdin ended inside a request');
    this.#end();
  }

  #end(): void {
    this.#results.flush();
    this.#isOver = true;
    this.#options.onEnd();
  }

  /** Answers a request; there is a promise only if that takes time. */
  #answer(request: TurnRequest): Promise<void> | undefined {
    if (request.kind === 'shutdown') {
      this.#end();
      return undefined;
    }
    const number = this.#requests.nextNumber - 1;
    if (this.#wasCancelled(number)) return undefined;
    const entry = this.#options.packages.get(request.packageName);
    if (entry === undefined) return this.#loadAndExecute(request, number);
    return this.#execute(entry, request, number);
  }

  async #loadAndExecute(request: Execute, number: number): Promise<void> {
    this.#loadingFor = number;
    const loaded = await this.#options.packages.load(request.packageName);
    this.#loadingFor = undefined;
    if (this.#wasCancelled(number)) return;
    if ('kind' in loaded) this.#addError(loaded, false, 0, this.#options.nowUs());
    else await this.#execute(loaded, request, number);
  }

  /** Whether it need not be run; if so, this answers it. */
  #wasCancelled(number: number): boolean {
    if (this.#cancelled.size === 0 || !this.#cancelled.delete(number)) return false;
    this.#results.add(ExecutorOutcome.Cancelled, new Uint8Array(0), 0, this.#options.nowUs());
    return true;
  }

  #execute(entry: TaskPackageEntry, request: Execute, number: number): Promise<void> | undefined {
    const { functionName, context, inputs, hardTimeoutMs } = request;
    const startUs = this.#options.nowUs();
    this.#results.flushBefore(functionName, startUs);
    this.#running.begin(number, startUs, hardTimeoutMs);
    this.#options.output?.begin(context);
    const result = entry.execute(functionName, context, inputs, this.#host);
    if (result instanceof Promise) {
      return result.then((later) => this.#add(later, functionName, startUs));
    }
    this.#add(result, functionName, startUs);
    return undefined;
  }

  #add(result: TaskResult, functionName: string, startUs: number): void {
    const nowUs = this.#options.nowUs();
    const elapsedUs = nowUs - startUs;
    this.#running.end();
    this.#options.output?.end();
    this.#wasLong = elapsedUs >= LONG_US;
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
