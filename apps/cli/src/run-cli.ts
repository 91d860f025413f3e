import { SpiderError } from '@spider/core';
import { Command, CommanderError } from 'commander';
import { clusterCommands } from './commands/cluster.ts';
import { controlCommands } from './commands/control-job.ts';
import { devCommand } from './commands/dev.ts';
import { graphCommand } from './commands/graph.ts';
import { addGroupCommand } from './commands/groups.ts';
import { jobCommand } from './commands/job.ts';
import { jobsCommand } from './commands/jobs.ts';
import { logsCommand } from './commands/logs.ts';
import { outputsCommand } from './commands/outputs.ts';
import { submitCommands } from './commands/submit.ts';
import { tasksCommand } from './commands/tasks.ts';
import { traceCommand } from './commands/trace.ts';
import { readVersion } from './version.ts';

/**
 * What a run of the command line ends with. 0: done. 1: what was asked for failed. 2: the command
 * line itself is wrong. 130: Ctrl-C.
 */
const ExitCode = { Done: 0, Failed: 1, Usage: 2, Interrupted: 130 } as const;

/** Runs one command line, and answers the exit code. Errors are told on stderr. */
export async function runCli(argv: readonly string[]): Promise<number> {
  const interrupt = new AbortController();
  const onSignal = (): void => {
    if (interrupt.signal.aborted) process.exit(ExitCode.Interrupted);
    interrupt.abort(new SpiderError('cancelled', 'interrupted'));
  };
  process.on('SIGINT', onSignal);
  process.on('SIGTERM', onSignal);
  try {
    await program(interrupt.signal).parseAsync(argv);
    return ExitCode.Done;
  } catch (error) {
    if (error instanceof CommanderError) {
      return error.exitCode === 0 ? ExitCode.Done : ExitCode.Usage;
    }
    if (interrupt.signal.aborted) return ExitCode.Interrupted;
    process.stderr.write(`spider: ${explain(error)}\n`);
    return ExitCode.Failed;
  } finally {
    process.off('SIGINT', onSignal);
    process.off('SIGTERM', onSignal);
  }
}

function program(signal: AbortSignal): Command {
  const spider = new Command('spider')
    .description('Runs jobs of very many small tasks.')
    .version(readVersion())
    .exitOverride()
    .showHelpAfterError('(spider --help tells more)')
    .addHelpText('after', HELP);
  for (const [heading, commands] of commandGroups(signal)) {
    spider.commandsGroup(heading);
    for (const command of commands) spider.addCommand(command);
  }
  return spider;
}

const commandGroups = (signal: AbortSignal): readonly (readonly [string, readonly Command[]])[] => [
  ['Start here:', [devCommand(signal), ...submitCommands(signal), graphCommand()]],
  [
    'Jobs:',
    [
      jobsCommand(signal),
      jobCommand(signal),
      tasksCommand(signal),
      logsCommand(signal),
      outputsCommand(signal),
      ...controlCommands(signal),
    ],
  ],
  ['The cluster:', [...clusterCommands(signal), addGroupCommand(signal)]],
  ['Benchmarks:', [traceCommand(signal)]],
];

const HELP = `
Where storage is: --endpoint, or SPIDER_ENDPOINT; http://127.0.0.1:50051 by default.
Exit codes: 0 done; 1 what was asked for failed; 2 the command line is wrong; 130 Ctrl-C.`;

/**
 * Errors of our own and of the system are written for people. Of those that JavaScript itself throws,
 * such as a TypeError, the stack is what helps.
 */
function explain(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const isForPeople = error instanceof SpiderError || error.constructor === Error;
  return isForPeople ? error.message : (error.stack ?? error.message);
}
