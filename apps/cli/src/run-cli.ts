import { SpiderError } from '@spider/core';
import { Command, CommanderError } from 'commander';
import { devCommand } from './commands/dev.ts';
import { logsCommand } from './commands/logs.ts';
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
  return new Command('spider')
    .description('Runs jobs of very many small tasks.')
    .version(readVersion())
    .exitOverride()
    .showHelpAfterError('(spider --help tells more)')
    .addCommand(devCommand(signal))
    .addCommand(logsCommand(signal))
    .addCommand(traceCommand(signal));
}

/**
 * Errors of our own and of the system are written for people. Of those that JavaScript itself throws,
 * such as a TypeError, the stack is what helps.
 */
function explain(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const isForPeople = error instanceof SpiderError || error.constructor === Error;
  return isForPeople ? error.message : (error.stack ?? error.message);
}
