import { createHash, timingSafeEqual } from 'node:crypto';

import { invalidArgument } from '@spider/core';

/** Fewer can be guessed. */
const TOKEN_LENGTH_MIN = 16;
const TOKEN_LENGTH_MAX = 4096;
const TOKENS_MAX = 16;

/**
 * The tokens that stand for somebody. There are several while they are being replaced. Only hashes are
 * kept, and comparing takes as long whatever is compared.
 */
export class TokenRing {
  readonly #hashes: readonly Buffer[];

  constructor(tokens: readonly string[]) {
    this.#hashes = tokens.map(hashOf);
  }

  has(token: string): boolean {
    const hash = hashOf(token);
    let isKnown = false;
    for (const known of this.#hashes) isKnown = timingSafeEqual(known, hash) || isKnown;
    return isKnown;
  }
}

const hashOf = (token: string): Buffer => createHash('sha256').update(token).digest();

/**
 * The tokens of a text, one a line; empty lines and those that begin with # are none.
 *
 * @throws SpiderError 'invalid-argument' that says where it came from and not what it is.
 */
export function parseTokens(from: string, text: string): readonly string[] {
  const tokens = text
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '' && !line.startsWith('#'));
  if (tokens.length === 0) throw invalidArgument(`${from}: has no token`);
  if (tokens.length > TOKENS_MAX) {
    throw invalidArgument(`${from}: ${tokens.length} tokens are more than ${TOKENS_MAX}`);
  }
  for (const token of tokens) checkToken(from, token);
  return tokens;
}

function checkToken(from: string, token: string): void {
  if (token.length < TOKEN_LENGTH_MIN || token.length > TOKEN_LENGTH_MAX) {
    throw invalidArgument(
      `${from}: a token has ${token.length} characters, which is not in ${TOKEN_LENGTH_MIN}…${TOKEN_LENGTH_MAX}; one can be made by: openssl rand -hex 32`,
    );
  }
  if (!/^[\x21-\x7e]+$/.test(token)) {
    throw invalidArgument(`${from}: a token has characters that are not ASCII, or spaces`);
  }
}
