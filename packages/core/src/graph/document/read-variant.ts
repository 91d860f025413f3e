import { END, type DocumentReader } from './document-reader.ts';

const NO_NAMES: readonly string[] = [];

/**
 * Enters a variant that holds a value: a map of one entry. Answers the position of its name. The
 * value is next, then `leaveVariant`.
 */
export function enterVariant(
  reader: DocumentReader,
  variants: readonly string[],
  what: string,
): number {
  reader.enterMap(what);
  const variant = reader.nextKey(variants);
  if (variant === END) throw reader.error(`expected ${what}, got an empty map`);
  if (variant < 0) {
    throw reader.error(`expected ${what} (${variants.join(', ')}), got \`${reader.lastKey}\``);
  }
  return variant;
}

export function leaveVariant(reader: DocumentReader, what: string): void {
  if (reader.nextKey(NO_NAMES) !== END) {
    throw reader.error(`expected ${what}, got a map of more than one entry`);
  }
}

/** Reads a variant that holds nothing: its name, or a map from its name to null. */
export function readUnitVariant(
  reader: DocumentReader,
  variants: readonly string[],
  what: string,
): number {
  if (!reader.isMap()) return reader.readSymbol(variants, what);
  const variant = enterVariant(reader, variants, what);
  if (!reader.takeNull()) throw reader.error(`expected null, for ${what} holds nothing`);
  leaveVariant(reader, what);
  return variant;
}
