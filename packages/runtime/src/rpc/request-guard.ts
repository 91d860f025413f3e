import type { DescMessage } from '@bufbuild/protobuf';
import { Code, ConnectError } from '@connectrpc/connect';
import { LIMITS } from '@spider/core';

import { MessageGuard } from './message-guard.ts';
import { shapeOf } from './message-shape.ts';

/** Looks at the messages of a request while they arrive. */
export interface RequestGuard {
  /** @throws ConnectError if a message is not to be decoded. */
  push(bytes: Uint8Array): void;
  /** All of it is there. @throws ConnectError as well. */
  end(): void;
}

/** Flags and length, before each message. */
const ENVELOPE_BYTES = 5;
const COMPRESSED = 1;

const EMPTY_GUARD: RequestGuard = { push: () => undefined, end: () => undefined };

/** The guard of a request with messages of this type. */
export function createRequestGuard(type: DescMessage, contentType = ''): RequestGuard {
  const isJson = contentType.includes('json');
  const newMessage = (length: number): Pick<MessageGuard, 'push' | 'finish'> =>
    isJson ? new JsonGuard() : new MessageGuard(shapeOf(type), length);
  const isEnveloped = /^application\/(grpc|connect)/.test(contentType);
  if (isEnveloped) return new EnvelopeGuard(newMessage);
  if (!contentType.startsWith('application/')) return EMPTY_GUARD;
  const message = newMessage(Infinity);
  return {
    push: (bytes) => message.push(bytes, 0, bytes.length),
    end: () => message.finish(),
  };
}

/** Finds the messages in a body that has their lengths. */
class EnvelopeGuard implements RequestGuard {
  readonly #newMessage: (length: number) => Pick<MessageGuard, 'push' | 'finish'>;
  #message: Pick<MessageGuard, 'push' | 'finish'> | undefined;
  /** Bytes that the message, or the envelope, still has. */
  #left = ENVELOPE_BYTES;
  #length = 0;
  #flags = 0;

  constructor(newMessage: (length: number) => Pick<MessageGuard, 'push' | 'finish'>) {
    this.#newMessage = newMessage;
  }

  push(bytes: Uint8Array): void {
    for (let at = 0; at < bytes.length;) {
      if (this.#message === undefined) this.#envelopeByte(bytes[at++] as number);
      else {
        const end = Math.min(bytes.length, at + this.#left);
        this.#message.push(bytes, at, end);
        this.#left -= end - at;
        at = end;
        if (this.#left === 0) this.#endMessage(this.#message);
      }
    }
  }

  /** Half a message is told by whoever puts them together. */
  end(): void {}

  #envelopeByte(byte: number): void {
    if (this.#left === ENVELOPE_BYTES) {
      this.#flags = byte;
      this.#length = 0;
    } else this.#length = this.#length * 256 + byte;
    this.#left -= 1;
    if (this.#left > 0) return;
    this.#left = this.#length;
    // What is compressed is refused without being decoded.
    const isCompressed = (this.#flags & COMPRESSED) !== 0;
    const message = isCompressed ? IGNORED : this.#newMessage(this.#length);
    this.#message = message;
    if (this.#length === 0) this.#endMessage(message);
  }

  #endMessage(message: Pick<MessageGuard, 'finish'>): void {
    message.finish();
    this.#message = undefined;
    this.#left = ENVELOPE_BYTES;
  }
}

const IGNORED = { push: () => undefined, finish: () => undefined };

/** JSON has a value in every second byte, so that its size is the bound. */
class JsonGuard implements Pick<MessageGuard, 'push' | 'finish'> {
  #bytes = 0;

  push(_bytes: Uint8Array, start: number, end: number): void {
    this.#bytes += end - start;
    if (this.#bytes <= LIMITS.jsonMessageBytes) return;
    const reason = `a message in JSON has more than ${LIMITS.jsonMessageBytes} bytes, the limit`;
    throw new ConnectError(reason, Code.ResourceExhausted);
  }

  finish(): void {}
}
