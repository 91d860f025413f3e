import type { Writable } from 'node:stream';
import type { LogEntry, LogSink } from './log-entry.ts';

/**
 * Copies lines to a stream that several share, whole and in order. A line of a task becomes one of
 * JSON that names the task, unless it is one already; others stay as they are. Once the stream cannot be
 * written any more lines are dropped: that nobody reads them is no reason to hold up tasks.
 */
export function forwardingSink(destination: Writable): LogSink {
  const waiting = new Set<() => void>();
  const goOn = (): void => {
    const callbacks = [...waiting];
    waiting.clear();
    for (const callback of callbacks) callback();
  };
  destination.on('drain', goOn);
  let isBroken = false;
  destination.once('error', () => {
    isBroken = true;
    goOn();
  });
  destination.on('error', () => undefined);
  return {
    write: (entries) => isBroken || destination.write(`${entries.map(format).join('\n')}\n`),
    onDrain: (callback) => void waiting.add(callback),
  };
}

function format({ timeMs, task, text }: LogEntry): string {
  if (task === undefined || text.startsWith('{"level":')) return text;
  const time = new Date(timeMs).toISOString();
  const { isStderr, ...ids } = task;
  const stream = isStderr ? 'stderr' : 'stdout';
  return JSON.stringify({ level: 'info', time, name: 'task', ...ids, stream, msg: text });
}

/** Gives every line to both; the first one says how fast. */
export function bothSinks(first: LogSink, second: LogSink): LogSink {
  return {
    write: (entries) => {
      second.write(entries);
      return first.write(entries);
    },
    onDrain: (callback) => first.onDrain(callback),
  };
}
