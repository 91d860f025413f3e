/** How far a job is, and how fast it goes. */
export interface ProgressReading {
  readonly doneTasks: number;
  readonly totalTasks: number;
  /** Over the last few seconds. */
  readonly tasksPerSecond: number;
  /** At the present rate; undefined while nothing moves. */
  readonly secondsLeft: number | undefined;
}

/** How long a sample counts towards the rate. */
const WINDOW_MS = 5_000;

interface Sample {
  readonly doneTasks: number;
  readonly atMs: number;
}

/** Turns counts as they come in into a rate and a guess when the job will be done. */
export class ProgressMeter {
  readonly #samples: Sample[] = [];

  constructor(startedAtMs: number) {
    this.#samples.push({ doneTasks: 0, atMs: startedAtMs });
  }

  observe(doneTasks: number, totalTasks: number, atMs: number): ProgressReading {
    this.#samples.push({ doneTasks, atMs });
    while (this.#samples.length > 2 && atMs - (this.#samples[1]?.atMs ?? atMs) > WINDOW_MS) {
      this.#samples.shift();
    }
    const first = this.#samples[0] ?? { doneTasks, atMs };
    const seconds = (atMs - first.atMs) / 1000;
    const tasksPerSecond = seconds > 0 ? (doneTasks - first.doneTasks) / seconds : 0;
    const tasksLeft = totalTasks - doneTasks;
    const secondsLeft = tasksPerSecond > 0 ? tasksLeft / tasksPerSecond : undefined;
    return { doneTasks, totalTasks, tasksPerSecond, secondsLeft };
  }
}
