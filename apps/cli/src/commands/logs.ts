import type { TaskLogLine } from '@spider/client';
import { CLEANUP_TASK_INDEX, COMMIT_TASK_INDEX, type JobId } from '@spider/core';
import type { Command } from 'commander';
import { type CommandContext, storageCommand, withConnection } from '../connection.ts';
import { jobIdArgument } from './arguments.ts';
import { integerOption } from './integer-option.ts';

interface LogsOptions {
  readonly follow?: true;
  readonly attempt?: number;
  readonly timestamps?: true;
}

const ATTEMPT_MAX = 2 ** 32 - 1;
const LAST_TASK_INDEX = CLEANUP_TASK_INDEX - 1;

/** `spider logs`: what a task has printed. */
export function logsCommand(signal: AbortSignal): Command {
  return storageCommand('logs', 'Prints what one attempt at a task has printed.')
    .argument('<job>', 'the job', jobIdArgument)
    .argument('<task>', 'the index of the task, or "commit" or "cleanup"', taskIndex)
    .option(
      '-f, --follow',
      'wait for the attempt to begin, and for further lines until it has ended',
    )
    .option(
      '--attempt <number>',
      'which attempt, from 1; by default the one that runs, or else the last one',
      integerOption(1, ATTEMPT_MAX),
    )
    .option('-t, --timestamps', 'print before each line when it was printed')
    .addHelpText(
      'after',
      '\nThe lines are kept by the execution manager that ran the attempt, if its configuration has\n' +
        'logs.dir. Remarks on what is missing of them go to stderr.',
    )
    .action(async (job: JobId, task: number, options: LogsOptions) =>
      withConnection(options, signal, async ({ client, print }) => {
        const { follow = false, attempt, timestamps = false } = options;
        const lines = client
          .job(job)
          .taskLog(task, { follow, signal, ...(attempt !== undefined && { attempt }) });
        for await (const line of lines) printLine(line, timestamps, print);
      }),
    );
}

function printLine(line: TaskLogLine, hasTime: boolean, print: CommandContext['print']): void {
  const { timeMs, text, isRemark } = line;
  if (isRemark && !print.isJson) process.stderr.write(`spider: ${text}\n`);
  else print.one(line, () => (hasTime ? `${new Date(timeMs).toISOString()} ${text}` : text));
}

function taskIndex(text: string): number {
  if (text === 'commit') return COMMIT_TASK_INDEX;
  if (text === 'cleanup') return CLEANUP_TASK_INDEX;
  return integerOption(0, LAST_TASK_INDEX)(text);
}
