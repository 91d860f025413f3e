import { toBinary, type DescMessage, type MessageShape } from '@bufbuild/protobuf';
import { Code, ConnectError } from '@connectrpc/connect';

/** A flag, and the length of the message. */
const HEADER_BYTES = 5;
const COMPRESSED = 1;

/** A message as gRPC has it on the wire. */
export function encodeEnvelope<Desc extends DescMessage>(
  schema: Desc,
  message: MessageShape<Desc>,
): Buffer {
  const bytes = toBinary(schema, message);
  const envelope = Buffer.allocUnsafe(HEADER_BYTES + bytes.length);
  envelope[0] = 0;
  envelope.writeUInt32BE(bytes.length, 1);
  envelope.set(bytes, HEADER_BYTES);
  return envelope;
}

/**
 * Puts messages together from the chunks that they come in. A message is a copy: it may be kept for
 * long, and the chunk is a part of something larger.
 */
export class EnvelopeReader {
  readonly #mostBytes: number;
  readonly #header = Buffer.alloc(HEADER_BYTES);
  #headerBytes = 0;
  #message: Uint8Array | undefined;
  #messageBytes = 0;

  constructor(mostBytes: number) {
    this.#mostBytes = mostBytes;
  }

  /** Whether nothing has come of a message that is not whole. */
  get isBetween(): boolean {
    return this.#headerBytes === 0;
  }

  /** @throws ConnectError if a message has more bytes than that, or is compressed. */
  push(chunk: Uint8Array, onMessage: (bytes: Uint8Array) => void): void {
    let at = 0;
    while (at < chunk.length) {
      if (this.#message === undefined) {
        at = this.#takeHeader(chunk, at);
        if (this.#headerBytes < HEADER_BYTES) return;
        this.#message = new Uint8Array(this.#checkedLength());
        this.#messageBytes = 0;
      }
      const message = this.#message;
      const end = Math.min(chunk.length, at + message.length - this.#messageBytes);
      message.set(chunk.subarray(at, end), this.#messageBytes);
      this.#messageBytes += end - at;
      at = end;
      if (this.#messageBytes < message.length) return;
      this.#message = undefined;
      this.#headerBytes = 0;
      onMessage(message);
    }
  }

  #takeHeader(chunk: Uint8Array, at: number): number {
    const end = Math.min(chunk.length, at + HEADER_BYTES - this.#headerBytes);
    this.#header.set(chunk.subarray(at, end), this.#headerBytes);
    this.#headerBytes += end - at;
    return end;
  }

  #checkedLength(): number {
    const length = this.#header.readUInt32BE(1);
    if (length > this.#mostBytes) {
      throw new ConnectError(
        `message size ${length} is larger than configured readMaxBytes ${this.#mostBytes}`,
        Code.ResourceExhausted,
      );
    }
    if (((this.#header[0] ?? 0) & COMPRESSED) !== 0) {
      throw new ConnectError('a message is compressed, though none may be', Code.Internal);
    }
    return length;
  }
}
