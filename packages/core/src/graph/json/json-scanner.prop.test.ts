import fc from 'fast-check';
import { expect, test } from 'vitest';
import { JsonReader } from './json-reader.ts';

const encoder = new TextEncoder();
const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** The judgement of the platform: it is JSON in UTF-8. */
function isJson(bytes: Uint8Array): boolean {
  try {
    JSON.parse(decoder.decode(bytes));
    return true;
  } catch {
    return false;
  }
}

function isScanned(bytes: Uint8Array): boolean {
  const reader = new JsonReader(bytes);
  try {
    reader.skipValue();
    reader.expectEnd();
    return true;
  } catch (error) {
    expect(error).toMatchObject({ name: 'SpiderError', code: 'invalid-argument' });
    return false;
  }
}

const values = fc.json({ maxDepth: 4, stringUnit: 'binary' });

test('all JSON is passed over to its end', () => {
  fc.assert(
    fc.property(values, fc.constantFrom('', ' ', '\t\r\n'), (text, space) => {
      expect(isScanned(encoder.encode(space + text + space))).toBe(true);
    }),
  );
});

test('what a damaged byte turns JSON into is judged as by the platform', () => {
  fc.assert(
    fc.property(values, fc.nat(), fc.nat({ max: 255 }), (text, seed, byte) => {
      const bytes = encoder.encode(text);
      bytes[seed % bytes.length] = byte;
      expect(isScanned(bytes)).toBe(isJson(bytes));
    }),
    { numRuns: 5_000 },
  );
});

test('any sequence of JSON’s own characters is judged as by the platform', () => {
  const words = String.raw`{ } [ ] : , " \ null true fals e "a" - + . 0 1 12 E \u \ud800 \u00e9 \n \x é 😀`;
  const pieces = fc.constantFrom(' ', '\n', '\t', ...words.split(' '));
  fc.assert(
    fc.property(fc.array(pieces, { maxLength: 8 }), (parts) => {
      const bytes = encoder.encode(parts.join(''));
      expect(isScanned(bytes)).toBe(isJson(bytes));
    }),
    { numRuns: 20_000 },
  );
});
