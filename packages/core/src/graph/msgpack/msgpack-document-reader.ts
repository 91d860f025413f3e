import { invalidArgument, type SpiderError } from '../../error.ts';
import { MsgpackReader } from '../../value/msgpack-reader.ts';
import { utf8ByteLength } from '../../value/utf8.ts';
import { END, UNKNOWN, type DocumentReader } from '../document/document-reader.ts';

const UINT32_MAX = 0xffff_ffff;
const UINT64_MARKER = 0xcf;
const SHOWN_CHARACTERS = 64;

/** Reads a document in MessagePack: maps, arrays and text of any width. */
export class MsgpackDocumentReader implements DocumentReader {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  readonly #reader: MsgpackReader;
  /** How many entries each open map or array has left. */
  readonly #left: number[] = [];
  #lastKey = '';

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#reader = new MsgpackReader(bytes);
  }

  get position(): number {
    return this.#reader.position;
  }

  get lastKey(): string {
    return this.#lastKey.slice(0, SHOWN_CHARACTERS);
  }

  seek(position: number): void {
    this.#reader.reset(this.#bytes, position);
    this.#left.length = 0;
  }

  expectEnd(): void {
    const rest = this.#bytes.length - this.position;
    if (rest > 0) throw this.error(`${rest} bytes follow its end`);
  }

  isMap(): boolean {
    return this.#reader.isMap();
  }

  isList(): boolean {
    const marker = this.#bytes[this.position] ?? 0;
    return marker >> 4 === 9 || marker === 0xdc || marker === 0xdd;
  }

  isText(): boolean {
    return this.#reader.isString();
  }

  takeNull(): boolean {
    if (!this.#reader.isNil()) return false;
    this.#reader.readNil();
    return true;
  }

  enterMap(what: string): void {
    this.#left.push(this.#reader.readMapHeader(what));
  }

  nextKey(names: readonly string[]): number {
    if (!this.nextElement()) return END;
    this.#lastKey = this.#reader.readString();
    const name = names.indexOf(this.#lastKey);
    return name < 0 ? UNKNOWN : name;
  }

  enterList(what: string): void {
    this.#left.push(this.#reader.readArrayHeader(what));
  }

  nextElement(): boolean {
    const left = this.#left.pop() ?? 0;
    if (left === 0) return false;
    this.#left.push(left - 1);
    return true;
  }

  readSymbol(names: readonly string[], what: string): number {
    const text = this.#reader.readString();
    const symbol = names.indexOf(text);
    if (symbol >= 0) return symbol;
    const shown = text.slice(0, SHOWN_CHARACTERS);
    throw this.error(`expected ${what} (${names.join(', ')}), got \`${shown}\``);
  }

  readText(what: string, maxBytes: number): string {
    const text = this.#reader.readString();
    if (utf8ByteLength(text) > maxBytes) {
      throw this.error(`${what} has more than ${maxBytes} bytes`);
    }
    return text;
  }

  readUint32(what: string): number {
    return this.#reader.readInt(0, UINT32_MAX, what);
  }

  readUint64(what: string): number {
    const start = this.position;
    if (this.#bytes[start] !== UINT64_MARKER) {
      return this.#reader.readInt(0, Number.MAX_SAFE_INTEGER, what);
    }
    this.#reader.skipValue();
    return this.#view.getUint32(start + 1) * 0x1_0000_0000 + this.#view.getUint32(start + 5);
  }

  skipValue(): void {
    this.#reader.skipValue();
  }

  error(message: string): SpiderError {
    return invalidArgument(`byte ${this.position}: ${message}`);
  }
}
