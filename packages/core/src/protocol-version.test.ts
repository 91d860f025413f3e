import { expect, test } from 'vitest';
import {
  checkProtocolVersion,
  PROTOCOL_VERSION,
  PROTOCOL_VERSION_MIN,
} from './protocol-version.ts';

test('a peer of before there were versions speaks the first one', () => {
  expect(checkProtocolVersion(0, 'storage')).toBe(1);
});

test('every version from the oldest to ours is known', () => {
  for (let version = PROTOCOL_VERSION_MIN; version <= PROTOCOL_VERSION; version++) {
    expect(checkProtocolVersion(version, 'storage')).toBe(version);
  }
});

test('one of the future is refused, with what is known and what helps', () => {
  expect(() => checkProtocolVersion(99, 'storage')).toThrow(
    `protocol_version: 99 is not known to this storage, which speaks versions ${PROTOCOL_VERSION_MIN} to ${PROTOCOL_VERSION}: update this storage first`,
  );
});
