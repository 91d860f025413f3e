import { LIMITS, SpiderError } from '@spider/core';
import { TaskError } from './task-error.ts';

/**
 * What a failed attempt is remembered by: a message that was written for people as it is, any other
 * error with its name, its message and its stack.
 */
export function describeError(error: unknown): string {
  const text = describe(error);
  // A character takes at most three bytes in UTF-8 for each of its UTF-16 units.
  const unitsMax = Math.floor(LIMITS.errorMessageBytes / 3);
  return text.length <= unitsMax ? text : `${text.slice(0, unitsMax - 1)}…`;
}

function describe(error: unknown): string {
  try {
    if (error instanceof TaskError || error instanceof SpiderError) return error.message;
    if (!(error instanceof Error)) return String(error);
    // The stack begins with the message as it was when the error was made.
    const [frames = ''] = /\n\s+at .*/s.exec(error.stack ?? '') ?? [];
    return String(error) + frames;
  } catch {
    // Code of a task can throw an object that cannot even be turned into text.
    return 'an error that cannot be described';
  }
}
