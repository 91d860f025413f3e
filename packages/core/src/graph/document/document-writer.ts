/**
 * What the reference's structures are written to, whichever syntax that is. Counts must be right:
 * some syntaxes state them first.
 */
export interface DocumentWriter {
  /** Bytes written so far. */
  readonly length: number;

  beginStruct(fieldCount: number): void;
  writeKey(name: string): void;
  endStruct(): void;

  beginList(count: number): void;
  endList(): void;

  /** A variant that holds the value written next. */
  beginVariant(name: string): void;
  endVariant(): void;

  writeText(text: string): void;
  /** @param value a safe integer that is not negative. */
  writeUint(value: number): void;
  writeNull(): void;

  /** Writes what stands from `start` up to `end` once more. It must be fields of a struct. */
  repeat(start: number, end: number): void;
}
