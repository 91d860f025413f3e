import fc from 'fast-check';
import { expect, test } from 'vitest';
import { LineSplitter } from './line-splitter.ts';

function split(maxLineBytes: number, ...chunks: readonly (string | Buffer)[]): string[] {
  const written: string[] = [];
  const splitter = new LineSplitter(maxLineBytes, (lines) =>
    written.push(lines.map((line) => `${line.toString()}\n`).join('')),
  );
  for (const chunk of chunks) splitter.push(Buffer.from(chunk));
  splitter.end();
  return written;
}

test('lines are written when they are whole, those of a chunk together', () => {
  expect(split(100, 'one\ntw', 'o\nthree\n', '\n')).toEqual(['one\n', 'two\nthree\n', '\n']);
});

test('the last line needs no newline', () => {
  expect(split(100, 'one\ntwo')).toEqual(['one\n', 'two\n']);
});

test('a line that is too long is cut, says so, and does not touch the next', () => {
  expect(split(4, '123456\nab\n')).toEqual(['1234 […2 bytes cut]\nab\n']);
  expect(split(4, '1234', '5', '6\n1234\n')).toEqual(['1234 […2 bytes cut]\n1234\n']);
});

test('however the chunks fall, the lines are the same', () => {
  const text = fc.string({ unit: fc.constantFrom('a', 'b', '\n'), maxLength: 60 });
  fc.assert(
    fc.property(text, fc.array(fc.nat(60)), fc.integer({ min: 1, max: 10 }), (all, cuts, max) => {
      const bounds = [0, ...cuts.filter((cut) => cut < all.length).sort((a, b) => a - b)];
      const chunks = bounds.map((start, i) => all.slice(start, bounds[i + 1] ?? all.length));
      expect(split(max, ...chunks).join('')).toBe(split(max, all).join(''));
    }),
  );
});
