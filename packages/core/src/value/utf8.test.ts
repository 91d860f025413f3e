import fc from 'fast-check';
import { expect, test } from 'vitest';
import { decodeUtf8, encodeUtf8, utf8ByteLength } from './utf8.ts';

test('the length in UTF-8 is that of the encoded text, lone surrogates included', () => {
  for (const unit of ['grapheme', 'binary'] as const) {
    fc.assert(
      fc.property(fc.string({ unit }), (text) => {
        expect(utf8ByteLength(text)).toBe(encodeUtf8(text).length);
      }),
    );
  }
  for (const text of ['\ud800', '\udc00', 'a\ud800\ud800\udc00b', '\udc00\ud800']) {
    expect(utf8ByteLength(text)).toBe(encodeUtf8(text).length);
  }
});

test('text comes back as it was, a byte order mark included', () => {
  expect(decodeUtf8(encodeUtf8('\ufeffé😀'))).toBe('\ufeffé😀');
  expect(() => decodeUtf8(Uint8Array.of(0xff))).toThrow(TypeError);
});
