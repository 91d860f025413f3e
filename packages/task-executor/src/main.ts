#!/usr/bin/env node
import { EXECUTOR_EXTENSIONS_ENV, EXECUTOR_MESSAGE_BYTES_ENV } from '@spider/core';
import { nodeZstd } from '@spider/runtime/zstd';
import { ExecutorLoop } from './executor-loop.ts';
import { PackageRegistry } from './package-registry.ts';
import { openProtocolPipe, writerTo } from './protocol-pipe.ts';
import { restrictionsHere } from './restrictions.ts';
import { writeTaskLog } from './task-log.ts';
import { openTaskOutput } from './task-output.ts';

/** How long an executor outlives its execution manager. */
const ORPHANED_MS = 1_000;
const STDERR = 2;

const { input, write } = openProtocolPipe();
const output = openTaskOutput(writerTo(STDERR));
const packageDir = process.env['SPIDER_TDL_PACKAGE_DIR'] ?? '';
if (packageDir === '')
  exitWithError('SPIDER_TDL_PACKAGE_DIR is not set: where are the task packages?');

// A Ctrl-C reaches the whole process group; when an executor ends is its execution manager's choice.
process.on('SIGINT', () => undefined);

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
  onDrain: () => void input.resume(),
  onEnd: () => process.exit(0),
  onFailure: (error) => exitWithError(error instanceof Error ? error.message : String(error)),
});

// Also when task code ends the process: what ran before is not to be run again.
process.on('exit', () => {
  loop.flush();
  output?.end();
});

input.on('data', (chunk: Uint8Array) => {
  if (!loop.push(chunk)) input.pause();
});
input.on('end', () => {
  loop.end();
  // Without an orderly end the execution manager is lost, and a task still running has no taker.
  if (!loop.isToShutDown) setTimeout(() => process.exit(0), ORPHANED_MS);
});
input.on('error', (error) => exitWithError(`the pipe of requests: ${error.message}`));

function exitWithError(message: string): never {
  process.stderr.write(`spider-task-executor: ${message}\n`);
  process.exit(1);
}
