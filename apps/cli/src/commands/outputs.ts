import type { JobId } from '@spider/core';
import type { Command } from 'commander';
import { storageCommand, withConnection } from '../connection.ts';
import { jobIdArgument } from './arguments.ts';
import { printOutputs } from './submit.ts';

/** `spider outputs JOB`. */
export function outputsCommand(signal: AbortSignal): Command {
  return storageCommand(
    'outputs',
    'Prints the outputs of a job that has succeeded, a line of JSON each.',
  )
    .argument('<job>', 'the job', jobIdArgument)
    .action(async (id: JobId, options: object) =>
      withConnection(options, signal, (context) => printOutputs(context.client.job(id), context)),
    );
}
