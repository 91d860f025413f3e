import { describe, expect, test } from 'vitest';
import { copyBytes, PayloadArena } from './payload-arena.ts';

const KIB = 1024;

function block(length: number, value: number): Uint8Array {
  return new Uint8Array(length).fill(value);
}

describe('the payload arena', () => {
  test('keeps what was copied in', () => {
    const arena = new PayloadArena();
    const source = Uint8Array.of(9, 1, 2, 3, 9);
    const at = arena.copyIn(source, 1, 3);
    source.fill(0);
    expect(arena.bytes(arena.currentChunk)?.slice(at, at + 3)).toEqual(Uint8Array.of(1, 2, 3));
  });

  test('packs small blocks into one chunk', () => {
    const arena = new PayloadArena();
    for (let i = 0; i < 400; i++) arena.copyIn(block(10, i), 0, 10);
    expect(arena.totalBytes).toBe(4 * KIB);
  });

  test('gives a block that is larger than a chunk one of its own', () => {
    const arena = new PayloadArena();
    arena.copyIn(block(3_000 * KIB, 1), 0, 3_000 * KIB);
    expect(arena.totalBytes).toBe(3_000 * KIB);
  });

  test('drops a chunk when nothing in it is needed and another has been opened', () => {
    const arena = new PayloadArena();
    arena.copyIn(block(3 * KIB, 1), 0, 3 * KIB);
    const first = arena.currentChunk;
    arena.copyIn(block(3 * KIB, 2), 0, 3 * KIB);
    expect(arena.totalBytes).toBe(12 * KIB);
    arena.release(first);
    expect(arena.totalBytes).toBe(8 * KIB);
    expect(arena.liveCount(first)).toBe(0);
    expect(() => arena.bytes(first)).toThrow();
  });

  test('gives the number of a chunk that is gone to the next one', () => {
    const arena = new PayloadArena();
    const numbers = new Set<number>();
    let previous: number | undefined;
    for (let i = 0; i < 50; i++) {
      arena.copyIn(block(900 * KIB, i), 0, 900 * KIB);
      if (previous !== undefined) arena.release(previous);
      previous = arena.currentChunk;
      numbers.add(previous);
    }
    expect(numbers.size).toBe(2);
  });

  test('writes a chunk anew when nothing in it is needed any more', () => {
    const arena = new PayloadArena();
    for (let i = 0; i < 100; i++) {
      expect(arena.copyIn(block(3 * KIB, i), 0, 3 * KIB)).toBe(0);
      arena.release(arena.currentChunk);
    }
    expect(arena.totalBytes).toBe(4 * KIB);
  });

  test('keeps a chunk while one block in it is needed', () => {
    const arena = new PayloadArena();
    arena.copyIn(block(KIB, 1), 0, KIB);
    const at = arena.copyIn(block(KIB, 2), 0, KIB);
    const chunk = arena.currentChunk;
    arena.release(chunk);
    for (let i = 0; i < 10; i++) arena.copyIn(block(8 * KIB, 3), 0, 8 * KIB);
    expect(arena.bytes(chunk)?.[at]).toBe(2);
  });

  test('does not keep an unneeded chunk that is too small for the next block', () => {
    const arena = new PayloadArena();
    arena.copyIn(block(KIB, 1), 0, KIB);
    arena.release(arena.currentChunk);
    arena.copyIn(block(100 * KIB, 1), 0, 100 * KIB);
    expect(arena.totalBytes).toBe(100 * KIB);
  });
});

test.each([0, 1, 32, 33, 1_000])(
  '%i bytes are copied to where they belong, and no others',
  (length) => {
    const from = Uint8Array.from({ length: length + 4 }, (_, i) => i + 1);
    const to = new Uint8Array(length + 6);
    copyBytes(from, 2, length, to, 3);
    expect([...to]).toEqual([0, 0, 0, ...from.subarray(2, 2 + length), 0, 0, 0]);
  },
);
