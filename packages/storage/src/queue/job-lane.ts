import type { Job } from '../cache/job.ts';
import type { Lane } from './lane.ts';

/** Places before the head that are given back at once. */
const COMPACT_AT = 1024;

/** Jobs in the order in which they came, each at most once. Leaving from any place is cheap. */
export class JobLane {
  readonly #lane: Lane;
  #jobs: Job[] = [];
  #head = 0;
  /** Jobs that are here and nowhere else; the others have left and only their places are here. */
  #count = 0;

  constructor(lane: Lane) {
    this.#lane = lane;
  }

  get isEmpty(): boolean {
    return this.#count === 0;
  }

  push(job: Job): void {
    job.queuedIn = this.#lane;
    this.#jobs.push(job);
    this.#count += 1;
  }

  /** Takes the first job out. */
  shift(): Job | undefined {
    if (this.#count === 0) return undefined;
    for (;;) {
      const job = this.#jobs[this.#head] as Job;
      this.#head += 1;
      if (job.queuedIn !== this.#lane) continue;
      job.queuedIn = undefined;
      this.#left();
      return job;
    }
  }

  /** Takes a job out that is here. It may not come back. */
  remove(job: Job): void {
    job.queuedIn = undefined;
    this.#left();
  }

  #left(): void {
    this.#count -= 1;
    const unused = this.#jobs.length - this.#count;
    if (this.#count > 0 && (unused < COMPACT_AT || unused * 2 < this.#jobs.length)) return;
    const left = this.#count === 0 ? [] : this.#jobs.slice(this.#head);
    this.#jobs = left.filter((job) => job.queuedIn === this.#lane);
    this.#head = 0;
  }
}
