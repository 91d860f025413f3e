import { isFinalJobState, jobStateName } from '@spider/core';
import type { Clock } from '@spider/runtime';
import type { JobStatus } from '../job-status.ts';
import { formatProgress, formatProgressBar } from './format-progress.ts';
import { ProgressMeter } from './progress-meter.ts';

/** Where progress is shown; `process.stderr` is one. */
export interface ProgressOutput {
  readonly isTTY?: boolean;
  readonly columns?: number;
  write(text: string): unknown;
}

/** How often a terminal's line is drawn anew, and how often a log gets a line, in milliseconds. */
const TERMINAL_INTERVAL_MS = 100;
const LOG_INTERVAL_MS = 1_000;

/** Clears the line and goes back to its start. */
const CLEAR_LINE = '\r\u001b[2K';

/**
 * Shows how a job goes on, until it has ended: one live line on a terminal, a line a second
 * elsewhere.
 *
 * @returns the job's final status.
 */
export async function showProgress(
  job: {
    watch(options: { minIntervalMs: number; signal?: AbortSignal }): AsyncIterable<JobStatus>;
  },
  options: { output: ProgressOutput; clock: Clock; signal?: AbortSignal },
): Promise<JobStatus> {
  const { output, clock, signal } = options;
  const isTerminal = output.isTTY === true;
  const minIntervalMs = isTerminal ? TERMINAL_INTERVAL_MS : LOG_INTERVAL_MS;
  const meter = new ProgressMeter(clock.now());
  let last: JobStatus | undefined;
  for await (const status of job.watch({ minIntervalMs, ...(signal && { signal }) })) {
    last = status;
    const reading = meter.observe(status.succeededTasks, status.totalTasks, clock.now());
    const columns = output.columns ?? 80;
    if (isTerminal) output.write(CLEAR_LINE + formatProgressBar(reading, columns));
    else output.write(`${jobStateName(status.state)}: ${formatProgress(reading)}\n`);
  }
  if (isTerminal) output.write(CLEAR_LINE);
  if (last === undefined || !isFinalJobState(last.state)) {
    throw new Error('the job was watched to its end without a final state');
  }
  return last;
}
