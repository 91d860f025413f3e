import type { ProcessExit } from '../machine/slot-event.ts';
import type { ExecutorOptions } from './executor-options.ts';
import type { ExecutorCallbacks } from './executor-process.ts';
import { FrameChannel, type FrameChannelOptions } from './frame-channel.ts';
import { MemoryWatch, type MemoryWatchOptions } from './memory-watch.ts';

const MIB = 1024 * 1024;

/** Watches an executor's memory, if it is held to any. */
export function watchMemory(
  { clock, memoryLimitMib = Infinity, recycleAboveMib = Infinity }: ExecutorOptions,
  executor: Pick<MemoryWatchOptions, 'read' | 'onExceeded' | 'onGrown'>,
): MemoryWatch | undefined {
  if (Math.min(memoryLimitMib, recycleAboveMib) === Infinity) return undefined;
  return new MemoryWatch({
    ...executor,
    clock,
    limitBytes: memoryLimitMib * MIB,
    grownBytes: recycleAboveMib * MIB,
  });
}

/** How an executor ended that had too much. */
export function outOfMemory({ memoryLimitMib }: ExecutorOptions): ProcessExit {
  const limit = memoryLimitMib === undefined ? 'no limit is set' : `limit ${memoryLimitMib} MiB`;
  return { code: undefined, signal: undefined, error: `out of memory: ${limit}` };
}

/** The channel to an executor whose memory is watched while it has requests to answer. */
export function watchedChannel(
  options: Pick<FrameChannelOptions, 'maxMessageBytes' | 'write'>,
  callbacks: ExecutorCallbacks,
  memory: MemoryWatch | undefined,
): FrameChannel {
  return new FrameChannel({
    maxMessageBytes: options.maxMessageBytes,
    write: options.write,
    onStarted: (hasExtensions) => callbacks.onStarted(hasExtensions),
    onResponses: (responses) => {
      memory?.add(-responses.count);
      callbacks.onResponses(responses);
    },
    onGivenBack: (count) => {
      memory?.add(-count);
      callbacks.onGivenBack(count);
    },
  });
}
