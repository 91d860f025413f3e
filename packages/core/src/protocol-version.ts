import { invalidArgument } from './error.ts';

/**
 * The version of the protocol between storage, schedulers and execution managers that this build
 * speaks. It goes up with a change that a peer has to know of; fields that a peer may leave unread are
 * none.
 */
export const PROTOCOL_VERSION = 2;

/** The oldest version of a peer that this build works with. */
export const PROTOCOL_VERSION_MIN = 1;

/**
 * What a peer speaks by its own word. Those that were built before there were versions say nothing,
 * which is 0 on the wire.
 *
 * @param who says in the error whose versions are known: `storage`.
 * @throws SpiderError 'invalid-argument' if this build does not work with it.
 */
export function checkProtocolVersion(said: number, who: string): number {
  const version = said === 0 ? 1 : said;
  if (version >= PROTOCOL_VERSION_MIN && version <= PROTOCOL_VERSION) return version;
  const known = `versions ${PROTOCOL_VERSION_MIN} to ${PROTOCOL_VERSION}`;
  const advice = version > PROTOCOL_VERSION ? `update this ${who} first` : 'update that process';
  throw invalidArgument(
    `protocol_version: ${version} is not known to this ${who}, which speaks ${known}: ${advice}`,
  );
}
