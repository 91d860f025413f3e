import { EXECUTOR_EXTENSIONS_ENV, EXECUTOR_MESSAGE_BYTES_ENV } from '@spider/core';
import { nodeZstd } from '@spider/runtime/zstd';
import { ExecutorLoop, type ExecutorLoopOptions } from './executor-loop.ts';
import { PackageRegistry } from './package-registry.ts';
import { restrictionsHere } from './restrictions.ts';
import { writeTaskLog } from './task-log.ts';
import { openTaskOutput } from './task-output.ts';

/** What an executor does not know of itself: how it is reached. */
export interface ExecutorEnds extends Pick<ExecutorLoopOptions, 'write' | 'onDrain'> {
  /** Writes what is for people, all of the bytes before it returns. */
  readonly writeText: (bytes: Uint8Array) => void;
}

/**
 * Makes an executor of this process, or of this thread, as its environment says. From now on what is
 * printed belongs to tasks, and what was held is said before the end, whoever brings that about.
 */
export function openExecutor({ write, writeText, onDrain }: ExecutorEnds): ExecutorLoop {
  const output = openTaskOutput(writeText);
  const packageDir = process.env['SPIDER_TDL_PACKAGE_DIR'] ?? '';
  if (packageDir === '') {
    exitWithError('SPIDER_TDL_PACKAGE_DIR is not set: where are the task packages?');
  }
  const loop = new ExecutorLoop({
    packages: new PackageRegistry(packageDir, restrictionsHere()),
    host: { zstd: nodeZstd, log: writeTaskLog },
    hasExtensions: process.env[EXECUTOR_EXTENSIONS_ENV] === '1',
    messageBytes: Number(process.env[EXECUTOR_MESSAGE_BYTES_ENV]) || undefined,
    output,
    write,
    nowUs: () => performance.now() * 1000,
    // Input is read between two rounds of the event loop, and this may be called just after that.
    afterReading: (callback) => void setImmediate(() => void setImmediate(callback)),
    setTimer: (delayMs, callback) => {
      const timer = setTimeout(callback, delayMs);
      return () => clearTimeout(timer);
    },
    onDrain,
    onEnd: () => process.exit(0),
    onFailure: (error) => exitWithError(error instanceof Error ? error.message : String(error)),
  });
  // Also when task code ends the process: what ran before is not to be run again.
  process.on('exit', () => {
    loop.flush();
    output?.end();
  });
  return loop;
}

export function exitWithError(message: string): never {
  process.stderr.write(`spider-task-executor: ${message}\n`);
  process.exit(1);
}
