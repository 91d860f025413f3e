import { encodeExecutorError, ExecutorOutcome } from '@spider/core';
import type { InstanceList, InstanceLot } from '../machine/instance-lot.ts';
import { packPayloads } from '../machine/payload-ranges.ts';
import type { ProcessExit } from '../machine/slot-event.ts';
import type {
  ExecutorCallbacks,
  ExecutorProcess,
  SpawnExecutor,
} from '../process-pool/executor-process.ts';
import { Changes } from './changes.ts';

/** An executor without a process, which answers when a test says so. */
export class FakeExecutor implements ExecutorProcess {
  /** What it was given and has not answered. */
  readonly pending: { readonly lot: InstanceLot; readonly position: number }[] = [];
  /** What it was told of by number. */
  readonly cancelled: number[] = [];
  timesAskedBack = 0;
  isKilled = false;
  isClosed = false;
  readonly #callbacks: ExecutorCallbacks;
  readonly #changes: Changes;

  constructor(callbacks: ExecutorCallbacks, changes: Changes) {
    this.#callbacks = callbacks;
    this.#changes = changes;
  }

  execute({ lots, positions }: InstanceList): void {
    lots.forEach((lot, i) => this.pending.push({ lot, position: positions[i] ?? 0 }));
    this.#changes.notify();
  }

  cancel(requests: readonly number[]): void {
    this.cancelled.push(...requests);
    this.#changes.notify();
  }

  askBack(): void {
    this.timesAskedBack += 1;
    this.#changes.notify();
  }

  kill(): void {
    this.isKilled = true;
    queueMicrotask(() => this.exit({ code: undefined, signal: 'SIGKILL' }));
  }

  close(): void {
    this.isClosed = true;
    queueMicrotask(() => this.exit({ code: 0, signal: undefined }));
  }

  start(hasExtensions = false): void {
    this.#callbacks.onStarted(hasExtensions);
  }

  /** Gives back the youngest requests. */
  giveBack(count: number): void {
    this.pending.splice(this.pending.length - count, count);
    this.#callbacks.onGivenBack(count);
  }

  /** Answers the oldest requests: their outputs are their inputs. */
  succeed(count = 1, elapsedUs = 10): void {
    const answered = this.pending.splice(0, count);
    this.#callbacks.onResponses({
      count: answered.length,
      outcomes: answered.map(() => ExecutorOutcome.Succeeded),
      elapsedUs: answered.map(() => elapsedUs),
      payloads: packPayloads(
        answered.map(({ lot, position }) =>
          lot.inputs.subarray(lot.inputOffsets[position], lot.inputOffsets[position + 1]),
        ),
      ),
    });
  }

  /** Answers the oldest request with an error. */
  fail(message: string): void {
    this.pending.shift();
    const error = { kind: 'TaskError', error: { kind: 'ExecutionError', message } } as const;
    this.#callbacks.onResponses({
      count: 1,
      outcomes: [ExecutorOutcome.Failed],
      elapsedUs: [10],
      payloads: packPayloads([encodeExecutorError(error)]),
    });
  }

  exit(exit: ProcessExit): void {
    this.#callbacks.onExit(exit);
  }
}

/** Makes executors without processes, and keeps them for a test to look at. */
export class FakeExecutors {
  readonly changes = new Changes();
  /** All that were made, the last one last. */
  readonly all: FakeExecutor[] = [];
  readonly #starts: boolean;

  /** @param options.start whether they come up by themselves; true by default. */
  constructor(options: { readonly start?: boolean } = {}) {
    this.#starts = options.start ?? true;
  }

  readonly spawn: SpawnExecutor = (callbacks) => {
    const executor = new FakeExecutor(callbacks, this.changes);
    this.all.push(executor);
    if (this.#starts) queueMicrotask(() => executor.start());
    this.changes.notify();
    return executor;
  };

  /** Resolves with that executor once it has been given so many instances. */
  async given(index: number, count: number): Promise<FakeExecutor> {
    await this.changes.until(() => (this.all[index]?.pending.length ?? 0) >= count);
    return this.all[index] as FakeExecutor;
  }
}
