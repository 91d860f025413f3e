import { readFile } from 'node:fs/promises';

import { invalidArgument } from '@spider/core';

import { parseTokens } from './token-ring.ts';

/** Where tokens are: in a file, or in a variable of the environment. */
export interface TokenSource {
  readonly file?: string | undefined;
  /** The configuration's key for the file. */
  readonly key: string;
  readonly variable: string;
  readonly env: NodeJS.ProcessEnv;
}

/**
 * The tokens as they are now; undefined if there is neither file nor variable. The file goes first.
 *
 * @throws SpiderError 'invalid-argument' that names the file or the variable, without what is in it.
 */
export async function readTokens(source: TokenSource): Promise<readonly string[] | undefined> {
  const { file, key, variable, env } = source;
  if (file !== undefined) return parseTokens(`${key} ${file}`, await read(key, file));
  const text = env[variable];
  return text === undefined || text === '' ? undefined : parseTokens(variable, text);
}

async function read(key: string, file: string): Promise<string> {
  try {
    return await readFile(file, 'utf8');
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw invalidArgument(`${key}: ${reason}`);
  }
}

/**
 * What each call brings of a process of the cluster; undefined if there is no token. The file is read at each
 * call, which are few: a process opens streams.
 */
export function clusterTokenHeaders(
  source: TokenSource,
): (() => Promise<Readonly<Record<string, string>>>) | undefined {
  if (source.file === undefined && !source.env[source.variable]) return undefined;
  return async () => {
    const [token] = (await readTokens(source)) ?? [];
    return token === undefined ? {} : { authorization: `Bearer ${token}` };
  };
}

export const clusterTokenSource = (
  file: string | undefined,
  env: NodeJS.ProcessEnv,
  key = 'cluster_token_file',
): TokenSource => ({ file, key, variable: 'SPIDER_CLUSTER_TOKEN', env });

export const adminTokenSource = (
  file: string | undefined,
  env: NodeJS.ProcessEnv,
): TokenSource => ({ file, key: 'auth.admin_token_file', variable: 'SPIDER_ADMIN_TOKEN', env });
