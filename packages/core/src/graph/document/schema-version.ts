import { invalidArgument } from '../../error.ts';

/** The version of the reference's schema that is written here. */
export const SCHEMA_VERSION = '0.1.0';

const NUMBER = '(0|[1-9][0-9]*)';
const IDENTIFIER = '(?:0|[1-9][0-9]*|[0-9]*[A-Za-z-][0-9A-Za-z-]*)';
const BUILD = '[0-9A-Za-z-]+';
const SEMANTIC_VERSION = new RegExp(
  `^${NUMBER}\\.${NUMBER}\\.${NUMBER}` +
    `(?:-(${IDENTIFIER}(?:\\.${IDENTIFIER})*))?(?:\\+${BUILD}(?:\\.${BUILD})*)?$`,
);

/** Versions are short, and matching is not linear in their length. */
const VERSION_CHARACTERS_MAX = 256;
const UINT64_MAX = 0xffff_ffff_ffff_ffffn;

/**
 * Accepts the versions from 0.1.0 up to, but without, 0.2.0, of which pre-releases are none.
 *
 * @throws SpiderError 'invalid-argument' telling a version that is none from one that is not known.
 */
export function checkSchemaVersion(version: string): void {
  const parts =
    version.length <= VERSION_CHARACTERS_MAX ? SEMANTIC_VERSION.exec(version) : undefined;
  const shown = JSON.stringify(version.slice(0, 40));
  const numbers = parts?.slice(1, 4).map(BigInt);
  if (!numbers || numbers.some((number) => number > UINT64_MAX)) {
    throw invalidArgument(`invalid task graph schema version ${shown}: it is no semantic version`);
  }
  const [major, minor] = numbers;
  const preRelease = parts?.[4];
  if (major === 0n && minor === 1n && preRelease === undefined) return;
  throw invalidArgument(
    `incompatible task graph schema version ${shown}: known are 0.1.0 and those above, below 0.2.0`,
  );
}
