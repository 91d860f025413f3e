import { realpath } from 'node:fs/promises';
import { resolve } from 'node:path';
import { SpiderError } from '@spider/core';

/**
 * The absolute path of a file or a folder that the configuration names.
 *
 * @throws SpiderError 'invalid-argument', with the key, if there is none.
 */
export async function existingPath(key: string, path: string): Promise<string> {
  const absolute = resolve(path);
  try {
    await realpath(absolute);
  } catch (cause) {
    throw new SpiderError('invalid-argument', `${key} is ${absolute}: there is no such thing`, {
      cause,
    });
  }
  return absolute;
}
