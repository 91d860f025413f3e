import { Worker } from 'node:worker_threads';

const STEPS = 200_000;
const WARM_UP_RUNS = 5;

/** What a run of the loop came to. */
export interface LoopTime {
  /** Processor time of a step, in microseconds. */
  readonly stepUs: number;
  /** Time over processor time: 1 where the loop had a processor for itself. */
  readonly stretch: number;
}

/**
 * The calibration loop in threads of its own. What is measured by several processes side by side is
 * compared with as many loops side by side, which get in each other's way just as they do.
 */
export class Calibration implements AsyncDisposable {
  readonly #workers: readonly Worker[];

  private constructor(workers: readonly Worker[]) {
    this.#workers = workers;
  }

  static async start(threads: number): Promise<Calibration> {
    const workers = Array.from(
      { length: threads },
      () => new Worker(new URL('./calibration-worker.js', import.meta.url)),
    );
    const calibration = new Calibration(workers);
    for (let run = 0; run < WARM_UP_RUNS; run++) await calibration.run(threads);
    return calibration;
  }

  /** Runs so many loops side by side, and answers the means of them. */
  async run(threads: number): Promise<LoopTime> {
    const each = await Promise.all(
      this.#workers.slice(0, threads).map((worker) => runLoop(worker, STEPS)),
    );
    return {
      stepUs: mean(each.map(({ stepUs }) => stepUs)),
      stretch: mean(each.map(({ stretch }) => stretch)),
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#workers.map((worker) => worker.terminate()));
  }
}

function runLoop(worker: Worker, steps: number): Promise<LoopTime> {
  const done = Promise.withResolvers<LoopTime>();
  worker.once('message', done.resolve);
  worker.once('error', done.reject);
  worker.postMessage(steps, []);
  return done.promise.finally(() => worker.off('error', done.reject));
}

const mean = (values: readonly number[]): number =>
  values.reduce((sum, one) => sum + one, 0) / values.length;
