import { decodeUtf8, utf8ByteLength } from '../../value/utf8.ts';
import { END, UNKNOWN, type DocumentReader } from '../document/document-reader.ts';
import { Char, isDigit, JsonScanner } from './json-scanner.ts';

const UINT32_MAX = 0xffff_ffff;
const UINT64_MAX = 0xffff_ffff_ffff_ffffn;
const UINT64_DIGITS = 20;

/** Characters of a string that an error shows. */
const SHOWN_BYTES = 64;
const lenientDecoder = new TextDecoder();

/** Reads a document in JSON: objects for maps, arrays for lists. */
export class JsonReader extends JsonScanner implements DocumentReader {
  /** Whether the object or array that was entered last has not been looked into. */
  #isFirst = false;
  /** The string that was read last, without its quotes. */
  #start = 0;
  #end = 0;
  #hasEscapes = false;

  get position(): number {
    return this.at;
  }

  get lastKey(): string {
    const shown = this.bytes.subarray(this.#start, Math.min(this.#end, this.#start + SHOWN_BYTES));
    return lenientDecoder.decode(shown);
  }

  seek(position: number): void {
    this.at = position;
    this.depth = 1;
    this.#isFirst = false;
  }

  expectEnd(): void {
    this.peek();
    if (this.at < this.bytes.length) throw this.expected('the end of the text');
  }

  isMap(): boolean {
    return this.peek() === Char.OpenMap;
  }

  isList(): boolean {
    return this.peek() === Char.OpenList;
  }

  isText(): boolean {
    return this.peek() === Char.Quote;
  }

  takeNull(): boolean {
    this.peek();
    return this.takeWord('null');
  }

  enterMap(what: string): void {
    if (!this.isMap()) throw this.expected(`${what}, an object`);
    this.open();
    this.#isFirst = true;
  }

  nextKey(names: readonly string[]): number {
    if (this.#takeEnd(Char.CloseMap)) return END;
    const key = this.#readName(names, 'a key');
    this.expect(Char.Colon, 'a colon');
    return key;
  }

  enterList(what: string): void {
    if (!this.isList()) throw this.expected(`${what}, an array`);
    this.open();
    this.#isFirst = true;
  }

  nextElement(): boolean {
    return !this.#takeEnd(Char.CloseList);
  }

  readSymbol(names: readonly string[], what: string): number {
    const symbol = this.#readName(names, what);
    if (symbol !== UNKNOWN) return symbol;
    throw this.error(`expected ${what} (${names.join(', ')}), got \`${this.lastKey}\``);
  }

  readText(what: string, maxBytes: number): string {
    this.#moveOverString(what);
    // An escape takes up to six bytes for one.
    const isTooLong = this.#end - this.#start > (this.#hasEscapes ? 6 : 1) * maxBytes;
    const text = isTooLong ? '' : this.#decodeString();
    if (isTooLong || utf8ByteLength(text) > maxBytes) {
      throw this.error(`${what} has more than ${maxBytes} bytes`);
    }
    return text;
  }

  readUint32(what: string): number {
    const value = this.#readUint(what);
    if (value > UINT32_MAX) throw this.error(`${what} is ${value}, more than ${UINT32_MAX}`);
    return value;
  }

  readUint64(what: string): number {
    return this.#readUint(what);
  }

  /** Moves behind the end of what is open if it is next, else to its next entry. */
  #takeEnd(closer: number): boolean {
    const byte = this.peek();
    const isFirst = this.#isFirst;
    this.#isFirst = false;
    if (byte === closer) {
      this.close();
      return true;
    }
    if (!isFirst) this.expect(Char.Comma, 'a comma or the end of what is open');
    return false;
  }

  #readName(names: readonly string[], what: string): number {
    this.#moveOverString(what);
    if (this.#hasEscapes) {
      const name = names.indexOf(this.#decodeString());
      return name < 0 ? UNKNOWN : name;
    }
    for (let name = 0; name < names.length; name++) {
      if (this.#isString(names[name] ?? '')) return name;
    }
    return UNKNOWN;
  }

  #moveOverString(what: string): void {
    if (this.peek() !== Char.Quote) throw this.expected(what);
    this.#start = this.at + 1;
    this.#hasEscapes = this.skipString();
    this.#end = this.at - 1;
  }

  /** Whether the string that was read last is this name, which is in ASCII. */
  #isString(name: string): boolean {
    const { bytes } = this;
    const start = this.#start;
    if (this.#end - start !== name.length) return false;
    for (let i = 0; i < name.length; i++) {
      if (bytes[start + i] !== name.charCodeAt(i)) return false;
    }
    return true;
  }

  #decodeString(): string {
    if (!this.#hasEscapes) return decodeUtf8(this.bytes.subarray(this.#start, this.#end));
    const literal = decodeUtf8(this.bytes.subarray(this.#start - 1, this.#end + 1));
    const text = JSON.parse(literal) as string;
    if (!text.isWellFormed()) throw this.error('a string has an unpaired surrogate');
    return text;
  }

  #readUint(what: string): number {
    const first = this.peek();
    if (!isDigit(first)) {
      throw this.expected(first === Char.Minus ? `${what}, which is not negative` : what);
    }
    const start = this.at;
    this.skipNumber();
    let value = 0;
    for (let at = start; at < this.at; at++) {
      const digit = this.bytes[at] ?? 0;
      if (!isDigit(digit)) throw this.error(`expected ${what}, got a number that is no integer`);
      value = value * 10 + (digit - Char.Zero);
    }
    return Number.isSafeInteger(value) ? value : this.#readLargeUint(what, start);
  }

  #readLargeUint(what: string, start: number): number {
    if (this.at - start <= UINT64_DIGITS) {
      const value = BigInt(decodeUtf8(this.bytes.subarray(start, this.at)));
      if (value <= UINT64_MAX) return Number(value);
    }
    throw this.error(`${what} is more than ${UINT64_MAX}`);
  }
}
