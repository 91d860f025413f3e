import type { Clock } from '@spider/runtime';
import type { EffectRunner } from '../effects/effect-runner.ts';
import { JobDeadlines } from './job-deadlines.ts';
import { RetryDelays } from './retry-delays.ts';
import { SoftTimeouts } from './soft-timeouts.ts';

export interface JobTimersOptions {
  readonly clock: Clock;
  /** Called when something is due. */
  readonly runner: Pick<EffectRunner, 'handle' | 'meetDeadline' | 'giveUpCleanup'>;
  /** How long the cleanup task of a job may wait for somebody to run it. */
  readonly cleanupWaitMs: number;
}

/** All that happens to jobs because time passes. */
export class JobTimers implements Disposable {
  readonly softTimeouts: SoftTimeouts;
  readonly retryDelays: RetryDelays;
  readonly deadlines: JobDeadlines;

  constructor({ clock, runner, cleanupWaitMs }: JobTimersOptions) {
    this.softTimeouts = new SoftTimeouts({
      clock,
      onDue: (job, lease) => runner.handle(job, { type: 'soft-timeout', ...lease }),
    });
    this.retryDelays = new RetryDelays({
      clock,
      onDue: (job, taskIndices) => runner.handle(job, { type: 'retry-due', taskIndices }),
    });
    this.deadlines = new JobDeadlines({
      clock,
      onDue: (job) => runner.meetDeadline(job),
      cleanupWaitMs,
      onCleanupOverdue: (job) =>
        runner.giveUpCleanup(job, `nobody has run it in ${cleanupWaitMs / 1000} s`),
    });
  }

  [Symbol.dispose](): void {
    this.softTimeouts[Symbol.dispose]();
    this.retryDelays[Symbol.dispose]();
    this.deadlines[Symbol.dispose]();
  }
}
