import { LIMITS } from '../../limits.ts';
import { MsgpackWriter } from '../../value/msgpack-writer.ts';
import type { DocumentWriter } from '../document/document-writer.ts';

/** Writes a document in MessagePack, structs as maps with the fields' names. */
export class MsgpackDocumentWriter implements DocumentWriter {
  readonly #writer = new MsgpackWriter(4096, LIMITS.submissionBytes);

  get length(): number {
    return this.#writer.length;
  }

  toBytes(): Uint8Array<ArrayBuffer> {
    return this.#writer.toBytes();
  }

  beginStruct(fieldCount: number): void {
    this.#writer.writeMapHeader(fieldCount);
  }

  writeKey(name: string): void {
    this.#writer.writeString(name);
  }

  endStruct(): void {}

  beginList(count: number): void {
    this.#writer.writeArrayHeader(count);
  }

  endList(): void {}

  beginVariant(name: string): void {
    this.#writer.writeMapHeader(1);
    this.#writer.writeString(name);
  }

  endVariant(): void {}

  writeText(text: string): void {
    this.#writer.writeString(text);
  }

  writeUint(value: number): void {
    this.#writer.writeInt(value);
  }

  writeNull(): void {
    this.#writer.writeNil();
  }

  repeat(start: number, end: number): void {
    this.#writer.append(this.#writer.peek().subarray(start, end));
  }
}
