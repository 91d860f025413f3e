import type { Job } from '../cache/job.ts';
import type { EffectRunner } from '../effects/effect-runner.ts';
import type { ExecutionManagerRegistry } from '../liveness/execution-manager-registry.ts';
import type { OwedReports } from '../liveness/owed-reports.ts';

export interface ResumeJobsOptions {
  readonly registry: Pick<ExecutionManagerRegistry, 'open'>;
  readonly owedReports: OwedReports;
  readonly runner: Pick<EffectRunner, 'enqueue' | 'handle'>;
  /** How long an execution manager may be without a stream. */
  readonly streamGraceMs: number;
  /** Aborted when storage stops. */
  readonly signal: AbortSignal;
}

/**
 * What was handed out before a start is not known any more. So nothing of a job that was read back is
 * handed out until the execution managers have said what they hold, or had the time to.
 */
export async function resumeJobs(
  jobs: readonly Job[],
  { registry, owedReports, runner, streamGraceMs, signal }: ResumeJobsOptions,
): Promise<void> {
  await registry.open();
  for (const job of jobs) {
    job.isSettling = false;
    runner.enqueue(job);
  }
  if (jobs.length === 0) owedReports.close();
  // The reports of whoever came last are still on their way.
  await owedReports.whenIn(streamGraceMs);
  if (signal.aborted) return;
  for (const job of jobs) runner.handle(job, { type: 'claims-over' });
}
