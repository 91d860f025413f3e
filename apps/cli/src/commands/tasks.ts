import { type TaskStatus, taskStateName } from '@spider/client';
import { CLEANUP_TASK_INDEX, COMMIT_TASK_INDEX, type JobId, type TaskState } from '@spider/core';
import type { Command } from 'commander';
import { storageCommand, withConnection } from '../connection.ts';
import { formatMicros } from '../output/format-time.ts';
import { withTaskState } from '../output/json-value.ts';
import type { Column } from '../output/table.ts';
import { jobIdArgument, taskStateOption } from './arguments.ts';
import { integerOption } from './integer-option.ts';
import { takeFirst } from './take-first.ts';

interface TasksOptions {
  readonly state?: readonly TaskState[];
  readonly limit: number;
}

/** `spider tasks JOB`: the tasks of a job. */
export function tasksCommand(signal: AbortSignal): Command {
  return storageCommand(
    'tasks',
    'Lists the tasks of a job: where they ran, how long, why they failed.',
  )
    .argument('<job>', 'the job', jobIdArgument)
    .option(
      '--state <name>',
      'only those in this state, such as failed; may be repeated',
      taskStateOption,
    )
    .option('--limit <number>', 'how many at most', integerOption(1, 10_000_000), 100)
    .action(async (id: JobId, options: TasksOptions) =>
      withConnection(options, signal, async ({ client, print }) => {
        const found = client.job(id).tasks({
          ...(options.state && { states: options.state }),
          pageSize: Math.min(options.limit, 1_000),
          signal,
        });
        const tasks = await takeFirst(found, options.limit);
        if (print.isJson) print.list(tasks.map(withTaskState), [], '');
        else print.list(tasks, COLUMNS, 'no tasks');
      }),
    );
}

const COLUMNS: readonly Column<TaskStatus>[] = [
  { title: 'TASK', of: ({ taskIndex }) => taskName(taskIndex) },
  { title: 'FUNCTION', of: (task) => `${task.packageName}/${task.functionName}` },
  { title: 'STATE', of: ({ state }) => (state === undefined ? undefined : taskStateName(state)) },
  { title: 'ATTEMPTS', of: ({ attempts }) => attempts },
  { title: 'TOOK', of: ({ elapsedUs: us }) => (us === undefined ? undefined : formatMicros(us)) },
  { title: 'WORKER', of: ({ executionManagerId }) => executionManagerId },
  { title: 'ERROR', of: ({ lastError }) => lastError },
];

function taskName(index: number): string | number {
  if (index === COMMIT_TASK_INDEX) return 'commit';
  return index === CLEANUP_TASK_INDEX ? 'cleanup' : index;
}
