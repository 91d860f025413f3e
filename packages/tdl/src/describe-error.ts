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
    return (refusalOf(error) ?? String(error)) + frames;
  } catch {
    // Code of a task can throw an object that cannot even be turned into text.
    return 'an error that cannot be described';
  }
}

/** Node advises to change its flags, which are the execution manager's and not the author's. */
function refusalOf(error: Error): string | undefined {
  const { code, permission, resource } = error as Error & Readonly<Record<string, unknown>>;
  if (code !== 'ERR_ACCESS_DENIED' || typeof permission !== 'string') return undefined;
  const what = typeof resource === 'string' && resource !== '' ? ` of ${resource}` : '';
  return `${permission}${what} is refused by the guard rail of the execution manager`;
}
