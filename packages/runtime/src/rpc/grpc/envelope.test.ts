import { create, fromBinary } from '@bufbuild/protobuf';
import { Code } from '@connectrpc/connect';
import { RegisterExecutionManagerRequestSchema } from '@spider/proto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { encodeEnvelope, EnvelopeReader } from './envelope.ts';

const MOST_BYTES = 1_000;

/** Reads chunks, and answers the messages that were in them. */
function read(chunks: readonly Uint8Array[]): { messages: Uint8Array[]; reader: EnvelopeReader } {
  const reader = new EnvelopeReader(MOST_BYTES);
  const messages: Uint8Array[] = [];
  for (const chunk of chunks) reader.push(chunk, (message) => messages.push(message));
  return { messages, reader };
}

const envelopeOf = (host: string): Buffer =>
  encodeEnvelope(
    RegisterExecutionManagerRequestSchema,
    create(RegisterExecutionManagerRequestSchema, { host }),
  );

describe('an envelope', () => {
  it('is a flag, a length and the message', () => {
    const bytes = envelopeOf('abc');
    expect(bytes.toString('hex')).toBe('00000000050a03616263');
  });

  it('is read as it was written, however it is cut', () => {
    const hosts = fc.array(fc.string({ maxLength: 100 }), { maxLength: 8 });
    const cuts = fc.array(fc.nat(1_000), { maxLength: 20 });
    fc.assert(
      fc.property(hosts, cuts, (sent, places) => {
        const bytes = Buffer.concat(sent.map(envelopeOf));
        const ends = [...new Set(places.map((place) => place % (bytes.length + 1)))];
        const edges = [0, ...ends.toSorted((a, b) => a - b), bytes.length];
        const chunks = edges.slice(1).map((end, at) => bytes.subarray(edges[at], end));
        const { messages, reader } = read(chunks);
        const received = messages.map(
          (message) => fromBinary(RegisterExecutionManagerRequestSchema, message).host,
        );
        expect(received).toEqual(sent);
        expect(reader.isBetween).toBe(true);
      }),
    );
  });

  it('that is not whole leaves the reader within it', () => {
    const bytes = envelopeOf('abc');
    for (const end of [1, 4, 5, 9]) {
      const { messages, reader } = read([bytes.subarray(0, end)]);
      expect(messages).toEqual([]);
      expect(reader.isBetween).toBe(false);
    }
  });

  it('keeps nothing of the chunk that it came in', () => {
    const bytes = envelopeOf('abc');
    const { messages } = read([bytes]);
    bytes.fill(0);
    expect(messages).toEqual([Uint8Array.of(0x0a, 3, 0x61, 0x62, 0x63)]);
  });

  it('over the limit is refused by its length alone', () => {
    expect(() => read([Buffer.from('00000003e9', 'hex')])).toThrow(
      expect.objectContaining({
        code: Code.ResourceExhausted,
        rawMessage: 'message size 1001 is larger than configured readMaxBytes 1000',
      }),
    );
  });

  it('that is compressed is refused', () => {
    expect(() => read([Buffer.from('0100000001', 'hex')])).toThrow(
      expect.objectContaining({ code: Code.Internal }),
    );
  });
});
