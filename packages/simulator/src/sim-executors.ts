import { encodeExecutorError, ExecutorOutcome } from '@spider/core';
import { kindAt, packPayloads } from '@spider/execution-manager';
import type {
  ExecutorCallbacks,
  ExecutorProcess,
  InstanceList,
  InstanceLot,
  ProcessExit,
  SpawnExecutor,
} from '@spider/execution-manager';

import type { SimProcess } from './sim-process.ts';

/** One run of a task, as it will go. */
export interface Run {
  readonly durationMs: number;
  readonly end: 'succeed' | 'fail' | 'exit' | 'hang';
}

/** How an executor answers. */
export type TaskEnd = 'succeeded' | 'failed' | 'cancelled';

/** A task instance that an executor runs. */
export interface RunningTask {
  readonly executionManager: SimProcess;
  readonly jobId: number;
  readonly packageName: string;
  readonly functionName: string;
  readonly taskIndex: number;
  readonly instance: number;
  readonly inputs: Uint8Array;
}

/** Who decides how tasks go, and sees how they went. */
export interface TaskAuthor {
  started(task: RunningTask): Run;
  /** `killed` if the executor died before it had ended. */
  ended(task: RunningTask, end: TaskEnd | 'killed'): void;
  /** The outputs' frame of one that succeeds. */
  outputs(task: RunningTask): Uint8Array;
}

export interface SimExecutorsOptions {
  readonly process: SimProcess;
  readonly author: TaskAuthor;
  readonly hasExtensions: boolean;
}

interface Request {
  readonly lot: InstanceLot;
  readonly position: number;
  isUnwanted: boolean;
}

/** The executors of one execution manager, without processes. */
export class SimExecutors {
  readonly #options: SimExecutorsOptions;
  readonly #living = new Set<SimExecutor>();

  constructor(options: SimExecutorsOptions) {
    this.#options = options;
  }

  readonly spawn: SpawnExecutor = (callbacks) => {
    const executor = new SimExecutor(this.#options, callbacks, () => this.#living.delete(executor));
    this.#living.add(executor);
    return executor;
  };

  /** Kills one of them, with what it runs. */
  killOne(pick: number): void {
    const living = [...this.#living];
    living[pick % living.length]?.kill();
  }

  /** What runs in them ends with their execution manager. */
  abandon(): void {
    for (const executor of this.#living) executor.abandon();
  }
}

const START_MS = 30;
const EXIT_NOTICED_MS = 1;
const OUTCOMES = {
  succeeded: ExecutorOutcome.Succeeded,
  failed: ExecutorOutcome.Failed,
  cancelled: ExecutorOutcome.Cancelled,
} as const;
const NOTHING = new Uint8Array();
const BROKEN = encodeExecutorError({
  kind: 'TaskError',
  error: { kind: 'ExecutionError', message: 'it fails as planned' },
});

class SimExecutor implements ExecutorProcess {
  readonly #options: SimExecutorsOptions;
  readonly #callbacks: ExecutorCallbacks;
  readonly #onExit: () => void;
  readonly #requests: Request[] = [];
  /** Requests that were answered. */
  #answered = 0;
  #running: RunningTask | undefined;
  #isUp = false;
  #isClosing = false;
  #isGone = false;

  constructor(options: SimExecutorsOptions, callbacks: ExecutorCallbacks, onExit: () => void) {
    this.#options = options;
    this.#callbacks = callbacks;
    this.#onExit = onExit;
    this.#later(START_MS, () => {
      this.#isUp = true;
      callbacks.onStarted(options.hasExtensions);
      this.#next();
    });
  }

  execute({ lots, positions }: InstanceList): void {
    lots.forEach((lot, i) =>
      this.#requests.push({ lot, position: positions[i] ?? 0, isUnwanted: false }),
    );
    this.#next();
  }

  cancel(requests: readonly number[]): void {
    for (const number of requests) {
      const request = this.#requests[number - this.#answered];
      if (request !== undefined) request.isUnwanted = true;
    }
  }

  askBack(): void {
    const begun = this.#running === undefined ? 0 : 1;
    const given = this.#requests.splice(begun).length;
    this.#later(EXIT_NOTICED_MS, () => this.#callbacks.onGivenBack(given));
  }

  kill(): void {
    this.#exit({ code: undefined, signal: 'SIGKILL' });
  }

  close(): void {
    this.#isClosing = true;
    this.#next();
  }

  abandon(): void {
    this.#isGone = true;
    this.#endRunning('killed');
  }

  #next(): void {
    if (!this.#isUp || this.#isGone || this.#running !== undefined) return;
    const request = this.#requests[0];
    if (request === undefined) {
      if (this.#isClosing) this.#exit({ code: 0, signal: undefined });
      return;
    }
    this.#begin(request);
  }

  #begin(request: Request): void {
    const { author, process } = this.#options;
    const task = taskOf(request, process);
    this.#running = task;
    if (request.isUnwanted) {
      this.#later(0, () => this.#answer('cancelled', NOTHING, 0));
      return;
    }
    const run = author.started(task);
    if (run.end === 'hang') return;
    this.#later(run.durationMs, () => {
      if (run.end === 'exit') this.#exit({ code: 3, signal: undefined });
      else if (run.end === 'fail') this.#answer('failed', BROKEN, run.durationMs);
      else this.#succeed(task, run.durationMs);
    });
  }

  #succeed(task: RunningTask, durationMs: number): void {
    let outputs: Uint8Array;
    try {
      outputs = this.#options.author.outputs(task);
    } catch {
      // Inputs that make no sense are an error of the task, here as in a real executor.
      this.#answer('failed', BROKEN, durationMs);
      return;
    }
    this.#answer('succeeded', outputs, durationMs);
  }

  #answer(end: TaskEnd, payload: Uint8Array, durationMs: number): void {
    this.#endRunning(end);
    this.#requests.shift();
    this.#answered += 1;
    this.#callbacks.onResponses({
      count: 1,
      outcomes: [OUTCOMES[end]],
      elapsedUs: [Math.round(durationMs * 1000)],
      payloads: packPayloads([payload]),
    });
    this.#next();
  }

  #exit(exit: ProcessExit): void {
    if (this.#isGone) return;
    this.#isGone = true;
    this.#endRunning('killed');
    this.#onExit();
    const { clock } = this.#options.process;
    clock.setTimer(EXIT_NOTICED_MS, () => this.#callbacks.onExit(exit));
  }

  #endRunning(end: TaskEnd | 'killed'): void {
    const task = this.#running;
    this.#running = undefined;
    if (task !== undefined) this.#options.author.ended(task, end);
  }

  #later(delayMs: number, callback: () => void): void {
    this.#options.process.clock.setTimer(delayMs, () => {
      if (!this.#isGone) callback();
    });
  }
}

function taskOf({ lot, position }: Request, executionManager: SimProcess): RunningTask {
  const { packageName, functionName } = kindAt(lot, position);
  return {
    executionManager,
    jobId: Number(lot.jobId),
    packageName,
    functionName,
    taskIndex: lot.taskIndexes[position] as number,
    instance: Number(lot.instanceBase) + (lot.instanceOffsets[position] as number),
    inputs: lot.inputs.slice(lot.inputOffsets[position], lot.inputOffsets[position + 1]),
  };
}
