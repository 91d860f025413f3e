import { jobStateName, type JobStatus } from '@spider/client';
import type { JobState } from '@spider/core';
import { systemClock } from '@spider/runtime/node';
import type { Command } from 'commander';
import { storageCommand, withConnection } from '../connection.ts';
import { formatSpan, formatTime } from '../output/format-time.ts';
import { withJobState } from '../output/json-value.ts';
import type { Column } from '../output/table.ts';
import { jobStateOption, labelOption } from './arguments.ts';
import { integerOption } from './integer-option.ts';
import { takeFirst } from './take-first.ts';

interface JobsOptions {
  readonly state?: readonly JobState[];
  readonly label?: Readonly<Record<string, string>>;
  readonly name?: string;
  readonly limit: number;
}

/** `spider jobs`: the newest jobs. */
export function jobsCommand(signal: AbortSignal): Command {
  return storageCommand('jobs', 'Lists jobs, the newest first.')
    .option('--state <name>', 'only those in this state; may be repeated', jobStateOption)
    .option('--label <key=value>', 'only those with this label; may be repeated', labelOption)
    .option('--name <prefix>', 'only those whose name starts with this')
    .option('--limit <number>', 'how many at most', integerOption(1, 1_000_000), 20)
    .action(async (options: JobsOptions) =>
      withConnection(options, signal, async ({ client, print }) => {
        const filter = {
          ...(options.state && { states: options.state }),
          ...(options.label && { labels: options.label }),
          ...(options.name !== undefined && { namePrefix: options.name }),
          pageSize: Math.min(options.limit, 1_000),
          signal,
        };
        const jobs = await takeFirst(client.jobs(filter), options.limit);
        if (print.isJson) print.list(jobs.map(withJobState), [], '');
        else print.list(jobs, columns(systemClock.now()), 'no jobs');
      }),
    );
}

const columns = (now: number): readonly Column<JobStatus>[] => [
  { title: 'JOB', of: ({ jobId }) => jobId },
  { title: 'NAME', of: ({ name }) => name },
  { title: 'STATE', of: ({ state }) => jobStateName(state) },
  { title: 'DONE', of: ({ succeededTasks }) => succeededTasks },
  { title: 'TASKS', of: ({ totalTasks }) => totalTasks },
  { title: 'FAILED', of: ({ failedTasks }) => failedTasks },
  { title: 'SUBMITTED', of: ({ submittedAtMs }) => formatTime(submittedAtMs) },
  { title: 'TOOK', of: ({ startedAtMs, endedAtMs }) => formatSpan(startedAtMs, endedAtMs, now) },
];
