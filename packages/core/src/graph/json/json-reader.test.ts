import { describe, expect, test } from 'vitest';
import { END, UNKNOWN } from '../document/document-reader.ts';
import { JsonReader } from './json-reader.ts';

const reading = (text: string): JsonReader => new JsonReader(new TextEncoder().encode(text));

/** What is wrong with the text, as a whole. */
function complaint(text: string | Uint8Array): string | undefined {
  const bytes = typeof text === 'string' ? new TextEncoder().encode(text) : text;
  const reader = new JsonReader(bytes);
  try {
    reader.skipValue();
    reader.expectEnd();
    return undefined;
  } catch (error) {
    return (error as Error).message;
  }
}

describe('text that is not JSON is refused at the byte', () => {
  test.each([
    ['', 'byte 0: expected a value, got the end of the text'],
    ['[1,]', 'byte 3: expected a value, got "]"'],
    ['[1 2]', 'byte 3: expected a comma or the end of what is open, got a number'],
    ['[1}', 'byte 2: expected a comma or the end of what is open, got "}"'],
    ['{"a" 1}', 'byte 5: expected a colon, got a number'],
    ['{"a":1,}', 'byte 7: expected a key, got "}"'],
    ['{a:1}', 'byte 1: expected a key, got "a"'],
    ['[1] x', 'byte 4: expected the end of the text, got "x"'],
    ['01', 'byte 1: a number has a leading zero'],
    ['1.', 'byte 2: a number lacks a digit'],
    ['-', 'byte 1: a number lacks a digit'],
    ['1e+', 'byte 3: a number lacks a digit'],
    ['"a', 'byte 2: a string does not end'],
    ['"\n"', 'byte 1: a string has a control character that is not escaped'],
    ['"\\x"', 'byte 1: an escape is unknown'],
    ['"\\u12g4"', 'byte 1: an escape is malformed'],
    ['nul', 'byte 0: expected a value, got "n"'],
    ['\ufeff1', 'byte 0: expected a value, got the byte ef'],
    ['"', 'byte 1: a string does not end'],
  ])('%j', (text, message) => {
    expect(complaint(text)).toBe(message);
  });

  test('and so is a string that is not UTF-8', () => {
    const bytes = new TextEncoder().encode('["aé"]');
    bytes[4] = 0x22;
    expect(complaint(bytes)).toBe('byte 3: the text is not UTF-8');
  });
});

test('text may be nested 128 levels deep, and no deeper', () => {
  const nested = (levels: number): string =>
    `${'[{"":'.repeat(levels / 2)}1${'}]'.repeat(levels / 2)}`;
  expect(complaint(nested(128))).toBeUndefined();
  expect(complaint(nested(130))).toBe('byte 320: the text is nested deeper than 128 levels');
});

test('objects are read key by key, and keys may be escaped', () => {
  const reader = reading('{ "a" : 1 , "b":[2, 3],"\\u0061b":null, "x": {"a":0} }');
  const names = ['b', 'a', 'ab'];
  reader.enterMap('a map');
  expect(reader.nextKey(names)).toBe(1);
  expect(reader.readUint32('a')).toBe(1);
  expect(reader.nextKey(names)).toBe(0);
  reader.enterList('a list');
  expect([reader.nextElement(), reader.readUint32('b')]).toEqual([true, 2]);
  expect([reader.nextElement(), reader.readUint32('b')]).toEqual([true, 3]);
  expect(reader.nextElement()).toBe(false);
  expect(reader.nextKey(names)).toBe(2);
  expect(reader.takeNull()).toBe(true);
  expect(reader.nextKey(names)).toBe(UNKNOWN);
  expect(reader.lastKey).toBe('x');
  reader.skipValue();
  expect(reader.nextKey(names)).toBe(END);
  reader.expectEnd();
});

test('strings are decoded, escapes and all', () => {
  expect(
    reading('"a\\"\\\\\\/\\b\\f\\n\\r\\t\\u00e9\\ud83d\\ude00é😀"').readText('text', 100),
  ).toBe('a"\\/\b\f\n\r\té😀é😀');
  expect(() => reading('"\\ud83d"').readText('text', 100)).toThrow('unpaired surrogate');
});

test('a string has at most so many bytes, whether it is escaped or not', () => {
  expect(reading('"éé"').readText('text', 4)).toBe('éé');
  expect(reading('"\\u00e9\\u00e9"').readText('text', 4)).toBe('éé');
  const message = 'text has more than 3 bytes';
  expect(() => reading('"éé"').readText('text', 3)).toThrow(message);
  expect(() => reading('"\\u00e9\\u00e9"').readText('text', 3)).toThrow(message);
});

describe('integers', () => {
  test.each([
    ['0', 0],
    ['4294967295', 4_294_967_295],
  ])('%s fits 32 bits', (text, value) => {
    expect(reading(text).readUint32('it')).toBe(value);
  });

  test.each([
    ['9007199254740993', 9_007_199_254_740_992],
    ['18446744073709551615', 2 ** 64],
  ])('%s fits 64 bits', (text, value) => {
    expect(reading(text).readUint64('it')).toBe(value);
  });

  test('beyond their bound are refused, however long', () => {
    expect(() => reading('4294967296').readUint32('it')).toThrow(
      'it is 4294967296, more than 4294967295',
    );
    const message = 'it is more than 18446744073709551615';
    expect(() => reading('18446744073709551616').readUint64('it')).toThrow(message);
    expect(() => reading('9'.repeat(1_000_000)).readUint64('it')).toThrow(message);
  });

  test.each([
    ['1.0', 'expected it, got a number that is no integer'],
    ['1e3', 'expected it, got a number that is no integer'],
    ['-0', 'expected it, which is not negative, got a number'],
    ['"1"', 'expected it, got a string'],
    ['null', 'expected it, got null'],
    ['true', 'expected it, got true'],
    ['01', 'a number has a leading zero'],
  ])('%s is none', (text, message) => {
    expect(() => reading(text).readUint64('it')).toThrow(message);
  });
});
