import type { SpiderError } from '../../error.ts';

/** Instead of the position of a key: there are no more. */
export const END = -1;
/** Instead of the position of a name: it is none of those that were asked for. */
export const UNKNOWN = -2;

/**
 * What the reference's structures are read from, whichever syntax they are written in. It walks over
 * the text once, from value to value, and keeps nothing of it.
 *
 * Every method that reads throws a SpiderError 'invalid-argument' if the next value is of another
 * kind or malformed. `what` names the value in that error.
 */
export interface DocumentReader {
  /** The byte where the next value starts. */
  readonly position: number;
  /** The key that `nextKey` read last, for an error; cut if it is long. */
  readonly lastKey: string;

  /** Goes to a value of the outermost map, by a `position` of before. */
  seek(position: number): void;
  /** @throws SpiderError if anything follows. */
  expectEnd(): void;

  isMap(): boolean;
  isList(): boolean;
  isText(): boolean;
  /** Whether the next value is null; if so, moves behind it. */
  takeNull(): boolean;

  enterMap(what: string): void;
  /** Moves behind the next key and answers its position among the names, or behind the map. */
  nextKey(names: readonly string[]): number;
  enterList(what: string): void;
  /** Whether another element follows. If not, it moves behind the list. */
  nextElement(): boolean;

  /** Reads text and answers its position among the names. */
  readSymbol(names: readonly string[], what: string): number;
  readText(what: string, maxBytes: number): string;
  readUint32(what: string): number;
  /** Any uint64; above 2^53 the nearest number. */
  readUint64(what: string): number;
  /** Passes over a value of any kind. */
  skipValue(): void;

  /** An error that says where in the text it is. */
  error(message: string): SpiderError;
}
