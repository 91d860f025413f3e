import { createHmac, timingSafeEqual } from 'node:crypto';
import { SpiderError, timestampMs } from '@spider/core';
import type { ResourceGroupId, TimestampMs } from '@spider/core';

/** Signs tokens. Every storage on the same database has the same ones. */
export interface TokenKey {
  readonly id: number;
  readonly secret: Uint8Array;
}

/** What a token says. */
export interface Login {
  readonly resourceGroupId: ResourceGroupId;
  readonly expiresAt: TimestampMs;
}

/** Version, key, group, end; then the signature. */
const CONTENT_BYTES = 1 + 4 + 8 + 8;
const SIGNATURE_BYTES = 32;
const VERSION = 1;

const TOKEN = /^[\w-]{71}$/;

/** A token of text that fits into metadata. It is worth as much as the password until it ends. */
export function signToken({ resourceGroupId, expiresAt }: Login, key: TokenKey): string {
  const token = Buffer.alloc(CONTENT_BYTES + SIGNATURE_BYTES);
  token.writeUInt8(VERSION, 0);
  token.writeUInt32BE(key.id, 1);
  token.writeBigUInt64BE(resourceGroupId, 5);
  token.writeBigUInt64BE(BigInt(expiresAt), 13);
  signatureOf(token, key).copy(token, CONTENT_BYTES);
  return token.toString('base64url');
}

/**
 * Reads a token of a key that is known, for as long as it is valid.
 *
 * @throws SpiderError 'unauthenticated' for any other.
 */
export function verifyToken(
  text: string,
  keys: ReadonlyMap<number, TokenKey>,
  now: TimestampMs,
): Login {
  if (!TOKEN.test(text)) throw unauthenticated('is none of this storage');
  const token = Buffer.from(text, 'base64url');
  const key = keys.get(token.readUInt32BE(1));
  if (key === undefined) throw unauthenticated('is of a key that is not in use: log in again');
  const signature = token.subarray(CONTENT_BYTES);
  if (!timingSafeEqual(signature, signatureOf(token, key))) {
    throw unauthenticated('is none of this storage');
  }
  const expiresAt = timestampMs(Number(token.readBigUInt64BE(13)));
  if (expiresAt <= now) throw unauthenticated('has expired: log in again');
  return { resourceGroupId: token.readBigUInt64BE(5) as ResourceGroupId, expiresAt };
}

const signatureOf = (token: Buffer, { secret }: TokenKey): Buffer =>
  createHmac('sha256', secret).update(token.subarray(0, CONTENT_BYTES)).digest();

const unauthenticated = (what: string): SpiderError =>
  new SpiderError('unauthenticated', `authorization: the token ${what}`);
