import { type JobHandle, jobStateName, showProgress, type SubmitOptions } from '@spider/client';
import {
  type Durability,
  type FailurePolicy,
  invalidArgument,
  JobState,
  SpiderError,
} from '@spider/core';
import { systemClock } from '@spider/runtime/node';
import { type Command, InvalidArgumentError, Option } from 'commander';
import { type CommandContext, storageCommand, withConnection } from '../connection.ts';
import { readJobFile } from '../inputs/read-job-file.ts';
import { outputValues } from '../output/output-values.ts';
import { toJson } from '../output/json-value.ts';
import { labelOption } from './arguments.ts';
import { integerOption } from './integer-option.ts';

interface SubmitFlags {
  readonly input?: readonly unknown[];
  readonly start?: true;
  readonly name?: string;
  readonly label?: Readonly<Record<string, string>>;
  readonly require?: Readonly<Record<string, string>>;
  readonly priority?: number;
  readonly durability?: Durability;
  readonly onFailure?: FailurePolicy;
  readonly key?: string;
}

/** `spider submit` and `spider run`: a job from a file. */
export function submitCommands(signal: AbortSignal): readonly Command[] {
  const submit = jobFileCommand('submit', 'Submits the job of a file, and prints its id.')
    .option('--start', 'start it, too')
    .action(async (file: string, flags: SubmitFlags) =>
      withConnection(flags, signal, async (context) => {
        const job = await submitFile(file, flags, flags.start === true, context);
        context.print.one({ jobId: job.id }, () => String(job.id));
      }),
    );
  const run = jobFileCommand('run', 'Runs the job of a file, and prints its outputs.').action(
    async (file: string, flags: SubmitFlags) =>
      withConnection(flags, signal, async (context) => {
        const job = await submitFile(file, flags, true, context);
        process.stderr.write(`job ${job.id}\n`);
        await showProgress(job, { output: process.stderr, clock: systemClock, signal });
        await printOutputs(job, context);
      }),
  );
  return [submit, run];
}

/** Prints the outputs of a job that has succeeded, a line of JSON each. */
export async function printOutputs(
  job: JobHandle,
  { print, signal }: CommandContext,
): Promise<void> {
  const status = await job.status({ signal });
  if (status.state !== JobState.Succeeded && status.state !== JobState.Failed) {
    throw new SpiderError(
      'failed-precondition',
      `job ${job.id} is ${jobStateName(status.state)}: outputs are there when it has succeeded`,
    );
  }
  const values = outputValues(await job.outputs({ signal }));
  if (values.length > 0) print.one(values, () => values.map(toJson).join('\n'));
}

function jobFileCommand(name: string, description: string): Command {
  return storageCommand(name, description)
    .argument('<file>', 'a task graph in JSON, or a module that exports job and inputs')
    .option('-i, --input <json>', 'an input of the job; once for each, in order', jsonOption)
    .option('--name <text>', 'for people to find the job by')
    .option('--label <key=value>', 'to list the job by; may be repeated', labelOption)
    .option('--require <key=value>', 'a label that workers must have; may be repeated', labelOption)
    .option('--priority <number>', 'jobs of a higher one go first', integerOption(0, 2_147_483_647))
    .addOption(
      new Option('--durability <kind>', 'what survives a crash').choices(['job', 'task', 'sync']),
    )
    .addOption(
      new Option('--on-failure <policy>', 'what a failed task does to the others').choices([
        'fail-fast',
        'continue',
      ]),
    )
    .option('--key <text>', 'a second submission with the same key answers the first one');
}

async function submitFile(
  file: string,
  flags: SubmitFlags,
  start: boolean,
  { client, signal }: CommandContext,
): Promise<JobHandle> {
  const { graph, inputs } = await readJobFile(file, flags.input ?? []);
  const options: SubmitOptions = {
    start,
    signal,
    ...(flags.name !== undefined && { name: flags.name }),
    ...(flags.label && { labels: flags.label }),
    ...(flags.require && { requires: flags.require }),
    ...(flags.priority !== undefined && { priority: flags.priority }),
    ...(flags.durability && { durability: flags.durability }),
    ...(flags.onFailure && { failurePolicy: flags.onFailure }),
    ...(flags.key !== undefined && { idempotencyKey: flags.key }),
  };
  if (graph.taskCount === 0) throw invalidArgument(`${file}: the graph has no tasks`);
  return client.submitGraph(graph, inputs, options);
}

function jsonOption(text: string, before: readonly unknown[] = []): readonly unknown[] {
  try {
    return [...before, JSON.parse(text) as unknown];
  } catch {
    throw new InvalidArgumentError(`It must be JSON, such as 3, "text" or '[1, 2]'.`);
  }
}
