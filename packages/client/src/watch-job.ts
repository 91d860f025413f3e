import { isFinalJobState, type JobId, SpiderError } from '@spider/core';
import type { JobServiceCaller } from './job-service-caller.ts';
import { fromWireJobStatus, isSameStatus, type JobStatus } from './job-status.ts';

/** As the least interval, asks for the final status alone. */
export const FINAL_STATUS_ONLY = 0xffff_ffff;

/**
 * Follows a job: its status at once, then whenever it has changed, until it has ended. When the
 * connection is lost it goes on at the next endpoint, for as long as it takes.
 */
export async function* watchJob(
  caller: JobServiceCaller,
  jobId: JobId,
  minIntervalMs: number,
  signal?: AbortSignal,
): AsyncGenerator<JobStatus, void> {
  let last: JobStatus | undefined;
  let failures = 0;
  for (;;) {
    try {
      const responses = caller.stream(
        (client, options) => client.watchJob({ jobId, minIntervalMs }, options),
        signal,
      );
      for await (const response of responses) {
        failures = 0;
        const status = fromWireJobStatus(response.status);
        if (last === undefined || !isSameStatus(last, status)) yield status;
        last = status;
      }
      // Storage ends the stream itself after a final state. It is read to that end: a server takes
      // a client that resets a thousand streams in a row for an attacker.
      if (last !== undefined && isFinalJobState(last.state)) return;
      throw new SpiderError('unavailable', 'storage stopped telling how the job goes on');
    } catch (error) {
      if (last !== undefined && isFinalJobState(last.state)) return;
      failures += 1;
      await caller.pauseAfter(error, failures, { maxRounds: Infinity, signal });
    }
  }
}
