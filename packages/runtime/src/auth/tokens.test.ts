import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { expect, it, onTestFinished } from 'vitest';

import { clusterTokenHeaders, clusterTokenSource } from './secret-tokens.ts';
import { parseTokens, TokenRing } from './token-ring.ts';

const OLD = 'old-token-0123456789';
const NEW = 'new-token-0123456789';

it('knows several tokens while one replaces the other', () => {
  const ring = new TokenRing(parseTokens('file', `# rotated in May\n${NEW}\n\n${OLD}\n`));
  expect([NEW, OLD, '', `${OLD} `, 'other'].map((token) => ring.has(token))).toEqual([
    true,
    true,
    false,
    false,
    false,
  ]);
  expect(new TokenRing([]).has('')).toBe(false);
});

it.each([
  ['', /^f: has no token$/],
  ['short', /^f: a token has 5 characters, which is not in 16…4096/],
  ['x'.repeat(4097), /^f: a token has 4097 characters/],
  ['0123456789 0123456789', /^f: a token has characters that are not ASCII, or spaces$/],
  [`${NEW}\n`.repeat(17), /^f: 17 tokens are more than 16$/],
])('does not take %j for tokens, and does not repeat it', (text, message) => {
  expect(() => parseTokens('f', text)).toThrow(message);
  expect(() => parseTokens('f', text)).not.toThrow(/0123456789/);
});

it('has each call bring the token that the file begins with just then', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'spider-tokens-'));
  onTestFinished(() => rm(directory, { recursive: true }));
  const file = join(directory, 'token');
  await writeFile(file, `${OLD}\n`);
  const headers = clusterTokenHeaders(clusterTokenSource(file, { SPIDER_CLUSTER_TOKEN: 'unused' }));
  expect(await headers?.()).toEqual({ authorization: `Bearer ${OLD}` });
  await writeFile(file, `${NEW}\n${OLD}\n`);
  expect(await headers?.()).toEqual({ authorization: `Bearer ${NEW}` });
  await rm(file);
  await expect(headers?.()).rejects.toThrow(/^cluster_token_file: ENOENT/);
});

it('takes the token from the environment, and brings none if there is none', async () => {
  const headers = clusterTokenHeaders(clusterTokenSource(undefined, { SPIDER_CLUSTER_TOKEN: NEW }));
  expect(await headers?.()).toEqual({ authorization: `Bearer ${NEW}` });
  expect(clusterTokenHeaders(clusterTokenSource(undefined, {}))).toBeUndefined();
});
