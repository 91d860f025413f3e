import {
  type JobDescription,
  jobStateName,
  type TaskKindStatus,
  showProgress,
} from '@spider/client';
import { isFinalJobState, type JobId, JobState, SpiderError } from '@spider/core';
import { systemClock } from '@spider/runtime/node';
import type { Command } from 'commander';
import { storageCommand, withConnection } from '../connection.ts';
import { formatMicros, formatSpan, formatTime } from '../output/format-time.ts';
import { withJobState } from '../output/json-value.ts';
import { type Column, formatTable } from '../output/table.ts';
import { jobIdArgument } from './arguments.ts';

/** `spider job ID`: one job. */
export function jobCommand(signal: AbortSignal): Command {
  return storageCommand('job', 'Shows how far a job is, and how its tasks do, by function.')
    .argument('<id>', 'the job', jobIdArgument)
    .option('--wait', 'show its progress until it has ended; code 1 unless it succeeds')
    .action(async (id: JobId, options: { readonly wait?: true }) =>
      withConnection(options, signal, async ({ client, print }) => {
        const job = client.job(id);
        if (options.wait) {
          await showProgress(job, { output: process.stderr, clock: systemClock, signal });
        }
        const description = await job.describe({ signal });
        const { status, ...rest } = description;
        print.one({ ...withJobState(status), ...rest }, () => formatJob(description));
        if (options.wait && status.state !== JobState.Succeeded) {
          throw new SpiderError('failed-precondition', `job ${id} has not succeeded`);
        }
      }),
    );
}

function formatJob({ status, tasks, kinds, omittedKinds }: JobDescription): string {
  const now = systemClock.now();
  const { startedAtMs, endedAtMs } = status;
  const counts = Object.entries(tasks).filter(([, count]) => count > 0);
  const lines: (readonly [string, string | undefined])[] = [
    ['job', `${status.jobId}${status.name === '' ? '' : ` (${status.name})`}`],
    ['state', jobStateName(status.state)],
    ['tasks', `${status.totalTasks}: ${counts.map(([name, n]) => `${n} ${name}`).join(', ')}`],
    ['durable', isFinalJobState(status.state) ? undefined : String(status.flushedTasks)],
    ['submitted', formatTime(status.submittedAtMs)],
    ['took', formatSpan(startedAtMs, endedAtMs, now)],
    ['attempts that failed', status.failedAttempts > 0 ? String(status.failedAttempts) : undefined],
    ['waits', status.waitingReason],
    ['ended because', status.endReason],
    ['error', status.errorMessage],
    ['retry of', status.retryOfJobId === undefined ? undefined : String(status.retryOfJobId)],
  ];
  const known = lines.filter(([, text]) => text !== undefined);
  const width = Math.max(...known.map(([name]) => name.length));
  const more = omittedKinds > 0 ? `\nand ${omittedKinds} functions more` : '';
  const head = known.map(([name, text]) => `${name.padEnd(width)}  ${text}`).join('\n');
  return `${head}\n\n${formatTable(KIND_COLUMNS, kinds)}${more}`;
}

const KIND_COLUMNS: readonly Column<TaskKindStatus>[] = [
  { title: 'FUNCTION', of: (kind) => `${kind.packageName}/${kind.functionName}` },
  { title: 'PENDING', of: ({ tasks }) => tasks.pending },
  { title: 'READY', of: ({ tasks }) => tasks.ready },
  { title: 'RUNNING', of: ({ tasks }) => tasks.running },
  { title: 'SUCCEEDED', of: ({ tasks }) => tasks.succeeded },
  { title: 'FAILED', of: ({ tasks }) => tasks.failed },
  {
    title: 'MEAN',
    of: ({ meanElapsedUs: us }) => (us === undefined ? undefined : formatMicros(us)),
  },
  {
    title: 'LONGEST',
    of: ({ maxElapsedUs: us }) => (us === undefined ? undefined : formatMicros(us)),
  },
];
