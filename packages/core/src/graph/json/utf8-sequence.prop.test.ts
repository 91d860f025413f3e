import fc from 'fast-check';
import { expect, test } from 'vitest';
import { utf8SequenceLength } from './utf8-sequence.ts';

const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

function isUtf8(bytes: Uint8Array): boolean {
  try {
    decoder.decode(bytes);
    return true;
  } catch {
    return false;
  }
}

test('the sequences of characters beyond ASCII are those that a decoder takes', () => {
  const lead = fc.integer({ min: 0x80, max: 0xff });
  const next = fc.oneof(fc.integer({ min: 0x80, max: 0xbf }), fc.integer({ min: 0, max: 0xff }));
  fc.assert(
    fc.property(fc.tuple(lead, next, next, next), (sequence) => {
      const bytes = Uint8Array.from(sequence);
      const length = utf8SequenceLength(bytes, 0);
      const valid = [2, 3, 4].filter((count) => isUtf8(bytes.subarray(0, count)));
      // Behind a shorter sequence there may be more characters.
      expect(length).toBe(valid[0] ?? 0);
    }),
    { numRuns: 20_000 },
  );
});

test('a sequence that the bytes cut off is none', () => {
  for (const character of ['é', '€', '😀']) {
    const bytes = new TextEncoder().encode(character);
    expect(utf8SequenceLength(bytes, 0)).toBe(bytes.length);
    expect(utf8SequenceLength(bytes.subarray(0, -1), 0)).toBe(0);
  }
});
