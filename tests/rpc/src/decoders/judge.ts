import { SpiderError } from '@spider/core';
import type { Target } from './targets.ts';

/** How long one input may keep the processor. */
const CPU_MAX_MS = 1_000;
/** How much memory may be taken in for one input, which has some kilobytes at most. */
const MEMORY_MAX_BYTES = 128 * 1024 * 1024;
const MESSAGE_MAX_CHARACTERS = 10_000;

const memoryBytes = (): number => {
  const { heapUsed, arrayBuffers } = process.memoryUsage();
  return heapUsed + arrayBuffers;
};

/** What is wrong with how a decoder takes an input; undefined if nothing is. */
export function judge(target: Target, input: Uint8Array): string | undefined {
  const before = memoryBytes();
  const start = process.threadCpuUsage();
  let problem: string | undefined;
  try {
    target.run(input);
  } catch (error) {
    problem = judgeError(error, target);
  }
  const { user, system } = process.threadCpuUsage(start);
  const cpuMs = (user + system) / 1_000;
  if (cpuMs > CPU_MAX_MS) problem ??= `took ${Math.round(cpuMs)} ms of the processor`;
  const grown = memoryBytes() - before;
  if (grown > MEMORY_MAX_BYTES) problem ??= `took ${Math.round(grown / 1024 / 1024)} MiB`;
  return problem;
}

function judgeError(error: unknown, { refusesAs }: Target): string | undefined {
  if (!(error instanceof SpiderError)) {
    return `threw ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`;
  }
  if (error.code === 'internal' && refusesAs !== 'internal')
    return `called it an internal error: ${error.stack ?? error.message}`;
  if (error.message.length > MESSAGE_MAX_CHARACTERS) {
    return `refused it with ${error.message.length} characters: ${error.message.slice(0, 200)}`;
  }
  return undefined;
}
