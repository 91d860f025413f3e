#!/usr/bin/env node
import { EXECUTOR_EXTENSIONS_ENV } from '@spider/core';
import { ExecutorLoop } from './executor-loop.ts';
import { PackageRegistry } from './package-registry.ts';
import { reserveStdout } from './protocol-stdout.ts';

const write = reserveStdout();
const packageDir = process.env['SPIDER_TDL_PACKAGE_DIR'] ?? '';
if (packageDir === '')
  exitWithError('SPIDER_TDL_PACKAGE_DIR is not set: where are the task packages?');

// A Ctrl-C reaches the whole process group; when an executor ends is its execution manager's choice.
process.on('SIGINT', () => undefined);

const loop = new ExecutorLoop({
  packages: new PackageRegistry(packageDir),
  host: { zstd: { compress: (x) => x, decompress: (x) => x } },
  hasExtensions: process.env[EXECUTOR_EXTENSIONS_ENV] === '1',
  write,
  nowUs: () => performance.now() * 1000,
  onShutdown: () => process.exit(0),
  onFailure: (error) => exitWithError(error instanceof Error ? error.message : String(error)),
});

process.stdin.on('data', (chunk: Uint8Array) => loop.push(chunk));
// Nobody is left to take results, so a task that is still running is of no use.
process.stdin.on('end', () => {
  if (!loop.isAtBoundary && !loop.isRunning) exitWithError('stdin ended inside a request');
  process.exit(0);
});
process.stdin.on('error', (error) => exitWithError(`stdin: ${error.message}`));

function exitWithError(message: string): never {
  process.stderr.write(`spider-task-executor: ${message}\n`);
  process.exit(1);
}
