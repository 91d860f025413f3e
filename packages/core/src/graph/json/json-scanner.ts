import { invalidArgument, type SpiderError } from '../../error.ts';
import { utf8SequenceLength } from './utf8-sequence.ts';

/** Levels of objects and arrays. */
export const JSON_DEPTH_MAX = 128;

/** What is seen behind the last byte. */
const NOTHING = -1;

export const Char = {
  Quote: 0x22,
  Comma: 0x2c,
  Minus: 0x2d,
  Zero: 0x30,
  Colon: 0x3a,
  Backslash: 0x5c,
  OpenList: 0x5b,
  CloseList: 0x5d,
  OpenMap: 0x7b,
  CloseMap: 0x7d,
} as const;

const SPACE = 0x20;
const POINT = 0x2e;
const LOWER_U = 0x75;

/**
 * Moves over JSON text, byte by byte, and refuses what is not JSON by the letter of RFC 8259: neither
 * comments nor trailing commas, leading zeros, raw control characters, broken UTF-8.
 */
export class JsonScanner {
  protected readonly bytes: Uint8Array;
  protected at = 0;
  /** How many objects and arrays are open. */
  protected depth = 0;
  /** For each open one on the way through a value that is skipped: the byte that closes it. */
  readonly #closers = new Uint8Array(JSON_DEPTH_MAX + 1);

  constructor(bytes: Uint8Array) {
    this.bytes = bytes;
  }

  /** Passes over a value of any kind, with all that is in it. */
  skipValue(): void {
    const base = this.depth;
    do {
      const byte = this.peek();
      if (byte === Char.OpenMap || byte === Char.OpenList) {
        this.open();
        this.#closers[this.depth] = byte === Char.OpenMap ? Char.CloseMap : Char.CloseList;
        if (this.peek() === this.#closers[this.depth]) this.close();
        else {
          this.#skipKey();
          continue;
        }
      } else this.#skipScalar(byte);
      while (this.depth > base && this.peek() === this.#closers[this.depth]) this.close();
      if (this.depth > base) {
        this.expect(Char.Comma, 'a comma or the end of what is open');
        this.#skipKey();
      }
    } while (this.depth > base);
  }

  error(message: string): SpiderError {
    return invalidArgument(`byte ${this.at}: ${message}`);
  }

  /** Passes over whitespace, and answers the byte that follows. */
  protected peek(): number {
    for (;;) {
      const byte = this.bytes[this.at] ?? NOTHING;
      if (byte > SPACE || !isWhitespace(byte)) return byte;
      this.at += 1;
    }
  }

  protected expect(byte: number, what: string): void {
    if (this.peek() !== byte) throw this.expected(what);
    this.at += 1;
  }

  /** Moves behind a bracket that opens an object or array. */
  protected open(): void {
    if (this.depth === JSON_DEPTH_MAX) {
      throw this.error(`the text is nested deeper than ${JSON_DEPTH_MAX} levels`);
    }
    this.depth += 1;
    this.at += 1;
  }

  /** Moves behind a bracket that closes one. */
  protected close(): void {
    this.depth -= 1;
    this.at += 1;
  }

  /** Moves over a string. Answers whether it has escapes. */
  protected skipString(): boolean {
    const { bytes } = this;
    let hasEscapes = false;
    this.at += 1;
    for (;;) {
      const byte = bytes[this.at] ?? NOTHING;
      if (byte === Char.Quote) break;
      if (byte === Char.Backslash) {
        hasEscapes = true;
        this.#skipEscape();
      } else if (byte >= 0x80) this.#skipSequence();
      else if (byte >= SPACE) this.at += 1;
      else if (byte === NOTHING) throw this.error('a string does not end');
      else throw this.error('a string has a control character that is not escaped');
    }
    this.at += 1;
    return hasEscapes;
  }

  protected skipNumber(): void {
    if (this.bytes[this.at] === Char.Minus) this.at += 1;
    if (this.bytes[this.at] === Char.Zero) {
      this.at += 1;
      if (isDigit(this.bytes[this.at])) throw this.error('a number has a leading zero');
    } else this.#skipDigits();
    if (this.bytes[this.at] === POINT) {
      this.at += 1;
      this.#skipDigits();
    }
    // E or e.
    if (((this.bytes[this.at] ?? 0) | 0x20) === 0x65) {
      this.at += 1;
      const sign = this.bytes[this.at];
      if (sign === 0x2b || sign === Char.Minus) this.at += 1;
      this.#skipDigits();
    }
  }

  /** Moves over the word if it is next. */
  protected takeWord(word: string): boolean {
    const isNext = this.#isWord(word);
    if (isNext) this.at += word.length;
    return isNext;
  }

  protected expected(what: string): SpiderError {
    const byte = this.peek();
    const word = WORDS.find((word) => this.#isWord(word));
    return this.error(`expected ${what}, got ${word ?? describe(byte)}`);
  }

  #isWord(word: string): boolean {
    for (let i = 0; i < word.length; i++) {
      if (this.bytes[this.at + i] !== word.charCodeAt(i)) return false;
    }
    return true;
  }

  #skipKey(): void {
    if (this.#closers[this.depth] === Char.CloseList) return;
    if (this.peek() !== Char.Quote) throw this.expected('a key');
    this.skipString();
    this.expect(Char.Colon, 'a colon');
  }

  #skipScalar(byte: number): void {
    if (byte === Char.Quote) this.skipString();
    else if (byte === Char.Minus || isDigit(byte)) this.skipNumber();
    else if (!WORDS.some((word) => this.takeWord(word))) throw this.expected('a value');
  }

  #skipDigits(): void {
    const start = this.at;
    while (isDigit(this.bytes[this.at])) this.at += 1;
    if (this.at === start) throw this.error('a number lacks a digit');
  }

  #skipEscape(): void {
    const escape = this.bytes[this.at + 1] ?? 0;
    if (escape === LOWER_U) {
      for (let i = 2; i < 6; i++) {
        if (!isHexDigit(this.bytes[this.at + i] ?? 0)) throw this.error('an escape is malformed');
      }
      this.at += 6;
    } else {
      if (!SIMPLE_ESCAPES.includes(escape)) throw this.error('an escape is unknown');
      this.at += 2;
    }
  }

  #skipSequence(): void {
    const length = utf8SequenceLength(this.bytes, this.at);
    if (length === 0) throw this.error('the text is not UTF-8');
    this.at += length;
  }
}

const WORDS = ['null', 'true', 'false'];

const SIMPLE_ESCAPES = Array.from('"\\/bfnrt', (character) => character.charCodeAt(0));

const isWhitespace = (byte: number): boolean =>
  byte === SPACE || byte === 0x0a || byte === 0x0d || byte === 0x09;

export const isDigit = (byte = 0): boolean => byte >= Char.Zero && byte <= 0x39;

const isHexDigit = (byte: number): boolean =>
  isDigit(byte) || ((byte | 0x20) >= 0x61 && (byte | 0x20) <= 0x66);

function describe(byte: number): string {
  switch (byte) {
    case NOTHING:
      return 'the end of the text';
    case Char.OpenMap:
      return 'an object';
    case Char.OpenList:
      return 'an array';
    case Char.Quote:
      return 'a string';
    default:
      if (byte === Char.Minus || isDigit(byte)) return 'a number';
      return byte >= 0x80
        ? `the byte ${byte.toString(16)}`
        : JSON.stringify(String.fromCharCode(byte));
  }
}
