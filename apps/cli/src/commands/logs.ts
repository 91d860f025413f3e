import { connect, type JobId, parseId, type TaskLogLine } from '@spider/client';
import { CLEANUP_TASK_INDEX, COMMIT_TASK_INDEX } from '@spider/core';
import { Command, InvalidArgumentError } from 'commander';
import { integerOption } from './integer-option.ts';

interface LogsOptions {
  readonly endpoint: readonly string[];
  readonly follow?: true;
  readonly attempt?: number;
  readonly timestamps?: true;
}

const ENDPOINT = 'http://127.0.0.1:50051';
const ATTEMPT_MAX = 2 ** 32 - 1;
const LAST_TASK_INDEX = CLEANUP_TASK_INDEX - 1;

/** `spider logs`: what a task has printed. */
export function logsCommand(signal: AbortSignal): Command {
  return new Command('logs')
    .exitOverride()
    .description('Prints what one attempt at a task has printed.')
    .argument('<job>', 'the id of the job', jobId)
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
    .option('--endpoint <url...>', 'where storage may be found', [ENDPOINT])
    .addHelpText(
      'after',
      '\nThe lines are kept by the execution manager that ran the attempt, if its configuration has\n' +
        'logs.dir. Remarks on what is missing of them go to stderr.',
    )
    .action(async (job: JobId, task: number, options: LogsOptions) => {
      using client = connect({ endpoints: options.endpoint });
      const { follow = false, attempt } = options;
      const lines = client
        .job(job)
        .taskLog(task, { follow, signal, ...(attempt !== undefined && { attempt }) });
      for await (const line of lines) printLine(line, options.timestamps === true);
    });
}

function printLine({ timeMs, text, isRemark }: TaskLogLine, hasTimestamp: boolean): void {
  const time = hasTimestamp ? `${new Date(timeMs).toISOString()} ` : '';
  if (isRemark) process.stderr.write(`spider: ${text}\n`);
  else process.stdout.write(`${time}${text}\n`);
}

function jobId(text: string): JobId {
  if (/^\d{1,20}$/.test(text)) return parseId<JobId>(text);
  throw new InvalidArgumentError('It must be the number of a job.');
}

function taskIndex(text: string): number {
  if (text === 'commit') return COMMIT_TASK_INDEX;
  if (text === 'cleanup') return CLEANUP_TASK_INDEX;
  return integerOption(0, LAST_TASK_INDEX)(text);
}
