import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { connect, type ProgressOutput, showProgress } from '@spider/client';
import { type JobId, JobState, jobStateName, SpiderError } from '@spider/core';
import { startLocalCluster } from '@spider/local-cluster';
import type { Clock } from '@spider/runtime';
import { serviceBinaries } from '../service-binaries.ts';
import { parseExecutionRecord, type TaskExecution } from './execution-record.ts';
import { traceJob } from './trace-job.ts';
import { verifyTrace } from './verify-trace.ts';
import type { WorkflowTrace } from './workflow-trace.ts';

const TASK_PACKAGES = fileURLToPath(new URL('../task-packages', import.meta.url));

export interface TraceRunContext {
  readonly timeScale: number;
  readonly slots: number;
  /** Where the cluster and the record of executions live. */
  readonly directory: string;
  readonly signal: AbortSignal;
  readonly clock: Clock;
  readonly progress: ProgressOutput;
}

export interface TraceRun {
  readonly jobId: JobId;
  /** From the start of the first task to the end of the last. */
  readonly makespanSeconds: number;
}

/**
 * Runs a trace on a cluster of its own and checks what the tasks noted.
 *
 * @throws SpiderError if the job does not succeed, or the check finds something.
 */
export async function runTrace(trace: WorkflowTrace, context: TraceRunContext): Promise<TraceRun> {
  const { directory, signal, clock, progress, slots, timeScale } = context;
  const job = traceJob(trace, timeScale);
  const recordFile = join(directory, 'executions');
  await using cluster = await startLocalCluster({
    directory,
    packageDir: TASK_PACKAGES,
    slots,
    signal,
    binaries: serviceBinaries(),
    // Where tasks note that they ran.
    config: { executionManager: { task_executor: { guard_rail: { write: [directory] } } } },
  });
  using client = connect({ endpoints: [cluster.storageUrl] });
  const handle = await client.submit(job, [recordFile], { start: true, signal });
  const status = await showProgress(handle, { output: progress, clock, signal });
  if (status.state !== JobState.Succeeded) {
    const reason = status.errorMessage ?? 'no reason given';
    throw failed(`job ${handle.id} ended ${jobStateName(status.state)}: ${reason}`);
  }
  const executions = parseExecutionRecord(await readFile(recordFile, 'utf8'));
  const findings = [
    ...verifyTrace(trace, executions),
    ...compareWithOutputs(executions, await handle.outputs({ signal })),
  ];
  if (findings.length > 0) throw failed(`job ${handle.id}: ${findings.join('; ')}`);
  return { jobId: handle.id, makespanSeconds: makespanSeconds(executions) };
}

/** The outputs that storage accepted must be of the executions that were noted. */
function compareWithOutputs(
  executions: readonly TaskExecution[],
  outputs: readonly bigint[],
): string[] {
  const differing = executions.filter(
    ({ index, start, end }) => outputs[index * 2] !== start || outputs[index * 2 + 1] !== end,
  );
  const [first] = differing;
  if (first === undefined) return [];
  return [
    `the outputs of ${differing.length} tasks are not of the run that was noted (${first.index})`,
  ];
}

function makespanSeconds(executions: readonly TaskExecution[]): number {
  let first = executions[0]?.start ?? 0n;
  let last = 0n;
  for (const { start, end } of executions) {
    if (start < first) first = start;
    if (end > last) last = end;
  }
  return Number(last - first) / 1e9;
}

const failed = (message: string): SpiderError => new SpiderError('failed-precondition', message);
