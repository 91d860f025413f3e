#!/usr/bin/env node
import { exitWithError, openExecutor } from './open-executor.ts';
import { openProtocolPipe, writerTo } from './protocol-pipe.ts';

/** How long an executor outlives its execution manager. */
const ORPHANED_MS = 1_000;
const STDERR = 2;

const { input, write } = openProtocolPipe();
const loop = openExecutor({
  write,
  writeText: writerTo(STDERR),
  onDrain: () => void input.resume(),
});

// A Ctrl-C reaches the whole process group; when an executor ends is its execution manager's choice.
process.on('SIGINT', () => undefined);

input.on('data', (chunk: Uint8Array) => {
  if (!loop.push(chunk)) input.pause();
});
input.on('end', () => {
  loop.end();
  // Without an orderly end the execution manager is lost, and a task still running has no taker.
  if (!loop.isToShutDown) setTimeout(() => process.exit(0), ORPHANED_MS);
});
input.on('error', (error) => exitWithError(`the pipe of requests: ${error.message}`));
