import { invalidArgument } from '../../error.ts';
import { LIMITS } from '../../limits.ts';
import { encodeUtf8 } from '../../value/utf8.ts';
import { ByteWriter } from '../../wire/byte-writer.ts';
import type { DocumentWriter } from '../document/document-writer.ts';
import { Char, JSON_DEPTH_MAX } from './json-scanner.ts';

/** Writes a document in compact JSON, escaped as the reference does. */
export class JsonWriter extends ByteWriter implements DocumentWriter {
  #depth = 0;

  constructor() {
    super(4096, LIMITS.submissionBytes);
  }

  beginStruct(): void {
    this.#open(Char.OpenMap);
  }

  /** @param name is in ASCII, and has nothing to escape. */
  writeKey(name: string): void {
    this.#separate();
    this.reserve(name.length + 3);
    this.bytes[this.position++] = Char.Quote;
    this.#writeAscii(name);
    this.bytes[this.position++] = Char.Quote;
    this.bytes[this.position++] = Char.Colon;
  }

  endStruct(): void {
    this.#close(Char.CloseMap);
  }

  beginList(): void {
    this.#open(Char.OpenList);
  }

  endList(): void {
    this.#close(Char.CloseList);
  }

  beginVariant(name: string): void {
    this.#open(Char.OpenMap);
    this.writeKey(name);
  }

  endVariant(): void {
    this.#close(Char.CloseMap);
  }

  writeText(text: string): void {
    this.#separate();
    this.append(encodeUtf8(JSON.stringify(text)));
  }

  writeUint(value: number): void {
    this.#separate();
    this.#writeAscii(String(value));
  }

  writeNull(): void {
    this.#separate();
    this.#writeAscii('null');
  }

  repeat(start: number, end: number): void {
    this.#separate();
    this.reserve(end - start);
    this.bytes.copyWithin(this.position, start, end);
    this.position += end - start;
  }

  #open(bracket: number): void {
    // The reference's reader takes one level less than its limit says.
    if (this.#depth === JSON_DEPTH_MAX - 1) {
      throw invalidArgument('the JSON would be nested deeper than the reference reads');
    }
    this.#separate();
    this.appendUint8(bracket);
    this.#depth += 1;
  }

  #close(bracket: number): void {
    this.appendUint8(bracket);
    this.#depth -= 1;
  }

  /** Writes a comma, except before what is first or belongs to a key. */
  #separate(): void {
    const last = this.position === 0 ? Char.Comma : this.bytes[this.position - 1];
    switch (last) {
      case Char.OpenMap:
      case Char.OpenList:
      case Char.Colon:
      case Char.Comma:
        return;
      default:
        this.appendUint8(Char.Comma);
    }
  }

  #writeAscii(text: string): void {
    this.reserve(text.length);
    for (let i = 0; i < text.length; i++) {
      this.bytes[this.position++] = text.charCodeAt(i);
    }
  }
}
