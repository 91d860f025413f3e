import { Code, ConnectError } from '@connectrpc/connect';
import { LIMITS } from '@spider/core';

import { type FieldShape, type MessageShape, WireType } from './message-shape.ts';

/** What a message within a message counts for: it becomes an object with all its fields. */
const MESSAGE_VALUES = 16;
/** Levels that the decoder takes as well. */
const DEPTH_MAX = 100;

const TOO_LONG = 'a field is longer than its message';
const UNFINISHED = 'packed values end within one';

/** What comes next. */
const Next = { Tag: 0, Varint: 1, Length: 2, Skip: 3, Packed: 4 } as const;

/**
 * Looks at a message while it arrives, before it is decoded, and counts the values that it would become:
 * a few bytes can be an object of a hundred. What the decoder might read otherwise than this does is
 * refused, so that nothing can hide from the count.
 */
export class MessageGuard {
  readonly #shapes: MessageShape[] = [];
  /** Where the message at each level ends. */
  readonly #ends: number[] = [];
  #shape: MessageShape;
  #end: number;
  #at = 0;
  #next: number = Next.Tag;
  #field: FieldShape | undefined;
  /** A varint that is being read, and how many bytes it has so far. */
  #varint = 0;
  #varintBytes = 0;
  /** Where the bytes end that are skipped, or the packed values. */
  #until = 0;
  #values = 0;

  /** Why it is no message. */
  #problem: string | undefined;
  readonly #most: number;

  /**
   * @param length of the message; Infinity if it is not known.
   * @param most values that it may have.
   */
  constructor(shape: MessageShape, length: number, most: number = LIMITS.valuesPerMessage) {
    this.#shape = shape;
    this.#end = length;
    this.#most = most;
  }

  /**
   * The next bytes of the message.
   *
   * @throws ConnectError RESOURCE_EXHAUSTED if it has too many values.
   */
  push(bytes: Uint8Array, start: number, end: number): void {
    let from = start;
    while (from < end && this.#problem === undefined) {
      if (this.#next === Next.Skip) {
        const skipped = Math.min(end - from, this.#until - this.#at);
        from += skipped;
        this.#at += skipped;
        if (this.#at === this.#until) this.#endField();
      } else if (this.#next === Next.Packed) from = this.#packed(bytes, from, end);
      else {
        this.#at += 1;
        this.#byte(bytes[from++] as number);
      }
    }
  }

  /** All of it is there. @throws ConnectError INTERNAL, as gRPC has it, if it is no message. */
  finish(): void {
    const isWhole = this.#ends.length === 0 && this.#next === Next.Tag && this.#varintBytes === 0;
    const problem = this.#problem ?? (isWhole ? undefined : 'it ends within a field');
    if (problem === undefined) return;
    throw new ConnectError(`the message cannot be decoded: ${problem}`, Code.Internal);
  }

  #byte(byte: number): void {
    this.#varintBytes += 1;
    if (this.#next === Next.Varint) {
      if (byte < 0x80) this.#endField();
      else if (this.#varintBytes === 10) this.#problem = 'a number has more than 10 bytes';
      else if (this.#at >= this.#end) this.#problem = TOO_LONG;
      return;
    }
    this.#varint += (byte & 0x7f) * 2 ** (7 * (this.#varintBytes - 1));
    if (this.#varint > 0xffff_ffff || (byte >= 0x80 && this.#varintBytes === 5)) {
      this.#problem = 'a tag or a length has more than 32 bits';
    }
    if (byte >= 0x80 || this.#problem !== undefined) return;
    const value = this.#varint;
    this.#varint = 0;
    this.#varintBytes = 0;
    if (this.#next === Next.Tag) this.#tag(value);
    else this.#length(value);
  }

  #tag(tag: number): void {
    this.#count(1);
    const wireType = tag & 7;
    const field = this.#shape.get(tag >>> 3);
    const isPacked = field?.isPackable === true && wireType === WireType.Bytes;
    const isStrange = field !== undefined && field.wireType !== wireType && !isPacked;
    this.#field = field;
    if (tag >>> 3 === 0) this.#problem = 'a field has the number 0';
    else if (isStrange) this.#problem = `field ${tag >>> 3} has wire type ${wireType}`;
    else this.#value(wireType);
  }

  #value(wireType: number): void {
    switch (wireType) {
      case WireType.Varint:
        this.#next = Next.Varint;
        break;
      case WireType.Bytes:
        this.#next = Next.Length;
        break;
      case WireType.Fixed64:
        this.#skip(8);
        break;
      case WireType.Fixed32:
        this.#skip(4);
        break;
      default:
        this.#problem = `a field has wire type ${wireType}`;
    }
    if (this.#at >= this.#end) this.#problem = TOO_LONG;
  }

  #length(length: number): void {
    const end = this.#at + length;
    const field = this.#field;
    if (end > this.#end) this.#problem = TOO_LONG;
    else if (field?.message !== undefined) this.#enter(field.message, end);
    else if (field?.isPackable === true) this.#enterPacked(field, end);
    else this.#skip(length);
  }

  #enter(shape: MessageShape, end: number): void {
    this.#count(MESSAGE_VALUES);
    if (this.#ends.length === DEPTH_MAX) {
      this.#problem = `it has more than ${DEPTH_MAX} levels`;
      return;
    }
    this.#shapes.push(this.#shape);
    this.#ends.push(this.#end);
    this.#shape = shape;
    this.#end = end;
    this.#endField();
  }

  #enterPacked({ wireType }: FieldShape, end: number): void {
    if (wireType === WireType.Varint) {
      this.#until = end;
      this.#next = Next.Packed;
      if (end === this.#at) this.#endField();
      return;
    }
    const size = wireType === WireType.Fixed64 ? 8 : 4;
    if ((end - this.#at) % size > 0) this.#problem = UNFINISHED;
    this.#count((end - this.#at) / size);
    this.#skip(end - this.#at);
  }

  /** Reads as many packed numbers as there are. Answers where it stopped. */
  #packed(bytes: Uint8Array, start: number, end: number): number {
    const stop = Math.min(end, start + this.#until - this.#at);
    let count = 0;
    for (let from = start; from < stop; from++) if ((bytes[from] as number) < 0x80) count += 1;
    this.#at += stop - start;
    this.#count(count);
    if (this.#at < this.#until) return stop;
    if ((bytes[stop - 1] as number) >= 0x80) this.#problem = UNFINISHED;
    this.#endField();
    return stop;
  }

  #skip(length: number): void {
    this.#until = this.#at + length;
    if (this.#until > this.#end) this.#problem = TOO_LONG;
    this.#next = Next.Skip;
    if (length === 0) this.#endField();
  }

  /** The next byte begins a field, of this message or of one around it. */
  #endField(): void {
    this.#next = Next.Tag;
    this.#varintBytes = 0;
    while (this.#at === this.#end && this.#ends.length > 0) {
      this.#end = this.#ends.pop() as number;
      this.#shape = this.#shapes.pop() as MessageShape;
    }
  }

  #count(values: number): void {
    this.#values += values;
    if (this.#values <= this.#most) return;
    const reason = `a message has more than ${this.#most} values, the limit`;
    throw new ConnectError(reason, Code.ResourceExhausted);
  }
}
