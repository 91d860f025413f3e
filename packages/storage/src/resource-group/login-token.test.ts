import { ID_MAX, timestampMs, toId } from '@spider/core';
import type { ResourceGroupId } from '@spider/core';
import { expect, test } from 'vitest';
import { signToken, verifyToken } from './login-token.ts';

const key = { id: 7, secret: new Uint8Array(32).fill(1) };
const keys = new Map([[7, key]]);
const now = timestampMs(1_000_000);
const login = {
  resourceGroupId: toId<ResourceGroupId>(ID_MAX),
  expiresAt: timestampMs(1_000_001),
};

const refused = (reason: string): unknown =>
  expect.objectContaining({
    code: 'unauthenticated',
    message: `authorization: the token ${reason}`,
  });

function failureOf(text: string, by = keys, at = now): unknown {
  try {
    return verifyToken(text, by, at);
  } catch (error) {
    return error;
  }
}

test('a token says whose it is, until it ends', () => {
  const token = signToken(login, key);
  expect(token).toMatch(/^[\w-]{71}$/);
  expect(verifyToken(token, keys, now)).toEqual(login);
  expect(failureOf(token, keys, login.expiresAt)).toEqual(refused('has expired: log in again'));
});

test('a token of another key is none', () => {
  const others = new Map([[7, { id: 7, secret: new Uint8Array(32).fill(2) }]]);
  expect(failureOf(signToken(login, key), others)).toEqual(refused('is none of this storage'));
  const none = refused('is of a key that is not in use: log in again');
  expect(failureOf(signToken(login, key), new Map())).toEqual(none);
});

test('a token with any bit turned is none', () => {
  const token = Buffer.from(signToken(login, key), 'base64url');
  for (let bit = 0; bit < token.length * 8; bit++) {
    const damaged = Buffer.from(token);
    damaged[bit >> 3] = (damaged[bit >> 3] ?? 0) ^ (1 << (bit & 7));
    expect(failureOf(damaged.toString('base64url'))).toMatchObject({ code: 'unauthenticated' });
  }
});

test.each(['', ' ', 'a', 'a'.repeat(70), 'a'.repeat(72), '!'.repeat(71), 'ü'.repeat(71)])(
  'the text "%s" is no token',
  (text) => {
    expect(failureOf(text)).toEqual(refused('is none of this storage'));
  },
);
