import { LIMITS } from '@spider/core';

/** What one job may have. */
export interface JobLimits {
  /** Bytes of its outputs as a wire frame; with more it fails. */
  readonly outputBytes: number;
  /** Tasks whose last error is kept; the oldest ones are forgotten. */
  readonly taskErrors: number;
  /** Starts and cancels that wait for a change of its state to become durable. */
  readonly waitingRequests: number;
}

export const DEFAULT_JOB_LIMITS: JobLimits = {
  outputBytes: LIMITS.jobOutputBytes,
  taskErrors: LIMITS.taskErrorsPerJob,
  waitingRequests: LIMITS.requestsWaitingPerJob,
};
