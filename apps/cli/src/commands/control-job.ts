import { jobStateName } from '@spider/client';
import type { JobId, JobState } from '@spider/core';
import type { Command } from 'commander';
import { type CommandContext, storageCommand, withConnection } from '../connection.ts';
import { jobIdArgument } from './arguments.ts';

interface CancelOptions {
  readonly reason?: string;
  readonly skipCleanup?: true;
}

/** `spider start`, `cancel`, `retry` and `delete`: what is done to a job that was submitted. */
export function controlCommands(signal: AbortSignal): readonly Command[] {
  const command = (name: string, description: string): Command =>
    storageCommand(name, description).argument('<job>', 'the job', jobIdArgument);
  return [
    command('start', 'Starts a job that was submitted without.').action(
      async (id: JobId, options: object) =>
        withConnection(options, signal, async ({ client, print }) => {
          sayState(print, id, await client.job(id).start({ signal }));
        }),
    ),
    command('cancel', 'Cancels a job. Its cleanup task, if it has one, still runs.')
      .option('--reason <text>', 'why, for whoever looks at the job later')
      .option('--skip-cleanup', 'end it without its cleanup task, also when that waits already')
      .action(async (id: JobId, options: CancelOptions) =>
        withConnection(options, signal, async ({ client, print }) => {
          const { reason, skipCleanup } = options;
          const how = {
            ...(reason !== undefined && { reason }),
            ...(skipCleanup && { skipCleanup }),
          };
          sayState(print, id, await client.job(id).cancel({ ...how, signal }));
        }),
      ),
    command('retry', 'Runs what a failed job has not finished, as a new job.').action(
      async (id: JobId, options: object) =>
        withConnection(options, signal, async ({ client, print }) => {
          const again = await client.job(id).retry({ start: true, signal });
          print.one({ jobId: again.id, retryOfJobId: id }, () => `job ${again.id} goes on with it`);
        }),
    ),
    command('delete', 'Deletes a job that has ended, with its outputs.').action(
      async (id: JobId, options: object) =>
        withConnection(options, signal, async ({ client, print }) => {
          await client.job(id).delete({ signal });
          print.one({ jobId: id, deleted: true }, () => `job ${id} is deleted`);
        }),
    ),
  ];
}

function sayState(print: CommandContext['print'], jobId: JobId, state: JobState): void {
  const name = jobStateName(state);
  print.one({ jobId, state: name }, () => `job ${jobId} is ${name}`);
}
