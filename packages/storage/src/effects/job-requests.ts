import type { JobState, SpiderError } from '@spider/core';
import type { Job } from '../cache/job.ts';

interface Waiting extends PromiseWithResolvers<JobState> {
  readonly job: Job;
}

/** Who waits for jobs to be started or cancelled, by the numbers that events and effects carry. */
export class JobRequests {
  readonly #waiting = new Map<number, Waiting>();
  #last = 0;

  get size(): number {
    return this.#waiting.size;
  }

  /** Opens a request. Its answer comes when it is resolved or rejected. */
  open(job: Job): { readonly request: number; readonly answer: Promise<JobState> } {
    this.#last += 1;
    const waiting = { job, ...Promise.withResolvers<JobState>() };
    this.#waiting.set(this.#last, waiting);
    return { request: this.#last, answer: waiting.promise };
  }

  resolve(request: number, state: JobState): void {
    this.#take(request)?.resolve(state);
  }

  reject(request: number, error: SpiderError): void {
    this.#take(request)?.reject(error);
  }

  /** Nobody will answer the requests of this job. */
  rejectAllOf(job: Job, error: SpiderError): void {
    for (const [request, waiting] of this.#waiting) {
      if (waiting.job === job) this.reject(request, error);
    }
  }

  #take(request: number): Waiting | undefined {
    const waiting = this.#waiting.get(request);
    this.#waiting.delete(request);
    return waiting;
  }
}
