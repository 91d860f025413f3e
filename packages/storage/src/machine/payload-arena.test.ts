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

describe('what the journal has', () => {
  const always = (): boolean => true;

  /** Three full chunks of 4, 8 and 16 KiB, each with a record of its own, and one block in a fourth. */
  function filled(): { arena: PayloadArena; chunks: number[] } {
    const arena = new PayloadArena();
    const chunks = [4, 8, 16, 1].map((kib, at) => {
      arena.copyIn(block(kib * KIB, at), 0, kib * KIB, at + 1);
      return arena.currentChunk;
    });
    return { arena, chunks };
  }

  test('leaves memory oldest first, until there is enough room', () => {
    const { arena, chunks } = filled();
    arena.journaled(4, 9);
    const before = arena.totalBytes;
    arena.evict(5 * KIB, 4, always);
    expect(before - arena.totalBytes).toBe(12 * KIB);
    expect(chunks.map((chunk) => arena.bytes(chunk) === undefined)).toEqual([
      true,
      true,
      false,
      false,
    ]);
    expect(arena.chunk(chunks[0] ?? 0)).toMatchObject({ rowsBefore: 0, lastRow: 9 });
  });

  test('does not leave before the record after its last block is durable', () => {
    const { arena } = filled();
    const before = arena.totalBytes;
    // Each chunk was closed by the record that did not fit.
    arena.journaled(2, 5);
    arena.evict(100 * KIB, 4, always);
    expect(before - arena.totalBytes).toBe(4 * KIB);
  });

  test('stays if somebody is about to need it', () => {
    const { arena, chunks } = filled();
    arena.journaled(4, 9);
    arena.evict(100 * KIB, 4, (chunk) => chunk.number !== chunks[1]);
    expect(arena.bytes(chunks[1] ?? 0)).toBeDefined();
    expect(arena.bytes(chunks[2] ?? 0)).toBeUndefined();
  });

  test('leaves the chunk that is being filled too, if that is asked for once more', () => {
    const { arena, chunks } = filled();
    arena.journaled(4, 9);
    arena.evict(29 * KIB, 4, always);
    expect(arena.bytes(chunks[3] ?? 0)).toBeDefined();
    arena.evict(KIB, 4, always);
    expect(arena.totalBytes).toBe(0);
  });

  test('is forgotten when nobody needs it any more', () => {
    const { arena, chunks } = filled();
    arena.journaled(4, 9);
    arena.evict(28 * KIB, 4, always);
    expect(arena.hasEvicted).toBe(true);
    for (const chunk of chunks.slice(0, 3)) arena.release(chunk);
    expect(arena.hasEvicted).toBe(false);
    expect(arena.totalBytes).toBe(32 * KIB);
  });
});

test('memory that was made for a single large block goes with it', () => {
  const arena = new PayloadArena();
  arena.copyIn(block(3_000 * KIB, 1), 0, 3_000 * KIB);
  arena.release(arena.currentChunk);
  expect(arena.totalBytes).toBe(0);
  expect(arena.copyIn(block(KIB, 2), 0, KIB)).toBe(0);
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
