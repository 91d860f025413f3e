import { type FairJob, FairPlace } from '@spider/core';
import type { Lane } from './lane.ts';

/** What decides when it is a job's turn. */
export interface QueuedJob<Job> extends FairJob {
  readonly job: Job;
}

/** Where a job with ready tasks of one kind stands among the others. */
export class JobPlace<Job> extends FairPlace<QueuedJob<Job>> {
  readonly lane: Lane;

  constructor(job: QueuedJob<Job>, lane: Lane) {
    super(job);
    this.lane = lane;
  }
}
