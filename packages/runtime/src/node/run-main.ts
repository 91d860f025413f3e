import { constants } from 'node:os';

import type { Logger } from '../logger.ts';
import { ExitError } from './exit-error.ts';
import { createLogger } from './pino-logger.ts';

export interface MainContext {
  /** The process's arguments, without the interpreter and the script. */
  readonly args: readonly string[];
  /** Aborted when the process is asked to end. */
  readonly signal: AbortSignal;
  readonly logger: Logger;
}

/** How long a process whose parent is gone may take to end, in milliseconds. */
const ORPHAN_GRACE_MS = 10_000;

/**
 * Runs a binary and ends its process: with code 0 when `main` resolves, 1 when it rejects, or the
 * code of its ExitError. SIGINT and SIGTERM abort the signal; the second of them ends the process at
 * once. With `SPIDER_EXIT_WITH_PARENT=1` in the environment the end of stdin does as SIGTERM does, so
 * that a parent which holds the other end of the pipe takes its children along however it dies.
 */
export async function runMain(
  name: string,
  main: (context: MainContext) => Promise<void>,
): Promise<never> {
  const logger = createLogger(name);
  ignoreBrokenStdout();
  const stop = new AbortController();
  endOnBugs(logger);
  endOnSignals(stop, logger);
  if (process.env['SPIDER_EXIT_WITH_PARENT'] === '1') endWithParent(stop, logger);
  try {
    await main({ args: process.argv.slice(2), signal: stop.signal, logger });
  } catch (error) {
    if (error instanceof ExitError) {
      await print(error.exitCode === 0 ? process.stdout : process.stderr, `${error.message}\n`);
      process.exit(error.exitCode);
    }
    // Work that was interrupted because the process was asked to end is no failure.
    if (!stop.signal.aborted || error !== stop.signal.reason) {
      logger.error(error instanceof Error ? error.message : 'failed', { error });
      process.exit(1);
    }
  }
  process.exit(0);
}

/**
 * Tells whoever has started the process that it is ready, by the line `<binary> ready <detail>` on
 * stdout.
 */
export function announceReady(binary: string, detail: string): void {
  process.stdout.write(`${binary} ready ${detail}\n`);
}

function endOnBugs(logger: Logger): void {
  process.on('uncaughtException', (error) => {
    logger.error('ended by an error that nothing has caught', { error });
    process.exit(1);
  });
}

function endOnSignals(stop: AbortController, logger: Logger): void {
  const onSignal = (signal: 'SIGINT' | 'SIGTERM'): void => {
    if (stop.signal.aborted) process.exit(128 + constants.signals[signal]);
    logger.info('asked to end', { signal });
    stop.abort(new Error(`ended by ${signal}`));
  };
  process.on('SIGINT', onSignal);
  process.on('SIGTERM', onSignal);
}

function endWithParent(stop: AbortController, logger: Logger): void {
  let isOrphan = false;
  const onEnd = (): void => {
    if (isOrphan) return;
    isOrphan = true;
    // Nobody is left to send a second signal.
    setTimeout(() => process.exit(1), ORPHAN_GRACE_MS).unref();
    if (stop.signal.aborted) return;
    logger.info('the parent process is gone');
    stop.abort(new Error('ended with the parent process'));
  };
  process.stdin.on('end', onEnd).on('close', onEnd).on('error', onEnd).resume();
}

function ignoreBrokenStdout(): void {
  process.stdout.on('error', () => undefined);
}

function print(stream: NodeJS.WriteStream, text: string): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  stream.write(text, () => resolve());
  return promise;
}
