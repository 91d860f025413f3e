import type { Job } from '../cache/job.ts';

/** Tasks that a job gives away before it is the next one's turn. */
const TASKS_PER_TURN = 256;

/** Places before the head that are given back at once. */
const COMPACT_AT = 1024;

/**
 * The jobs that have ready tasks, each at most once. The tasks stay with their jobs, so that a
 * million of them cost nothing here. Jobs take turns.
 */
export class InboundQueue {
  #jobs: Job[] = [];
  #head = 0;

  get isEmpty(): boolean {
    return this.#head === this.#jobs.length;
  }

  /** A job has ready tasks. Again: no effect. */
  add(job: Job): void {
    if (job.isQueued) return;
    job.isQueued = true;
    this.#jobs.push(job);
  }

  /**
   * Takes up to `most` tasks, which count as handed out from now on. Answers how many.
   */
  take(most: number, take: (job: Job, taskIndexes: number[]) => void): number {
    let taken = 0;
    while (taken < most && !this.isEmpty) {
      const job = this.#shift();
      // It is added again, or never.
      if (job.isBroken || job.isHeld) continue;
      const taskIndexes: number[] = [];
      job.machine.takeReady(Math.min(most - taken, TASKS_PER_TURN), taskIndexes);
      if (job.machine.hasReady) this.add(job);
      if (taskIndexes.length === 0) continue;
      taken += taskIndexes.length;
      take(job, taskIndexes);
    }
    return taken;
  }

  #shift(): Job {
    const job = this.#jobs[this.#head] as Job;
    this.#head += 1;
    job.isQueued = false;
    if (this.isEmpty) {
      this.#jobs.length = 0;
      this.#head = 0;
    } else if (this.#head >= COMPACT_AT && this.#head * 2 >= this.#jobs.length) {
      this.#jobs = this.#jobs.slice(this.#head);
      this.#head = 0;
    }
    return job;
  }
}
