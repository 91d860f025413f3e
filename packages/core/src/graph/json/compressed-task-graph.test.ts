import { constants, zstdCompressSync, zstdDecompressSync } from 'node:zlib';
import { expect, test } from 'vitest';
import { invalidArgument } from '../../error.ts';
import { fromHex } from '../../wire/testing/hex.ts';
import type { Zstd } from '../../wire/zstd.ts';
import { layeredGraph } from '../testing/closed-form-graphs.ts';
import { decodeCompressedTaskGraph, encodeCompressedTaskGraph } from './compressed-task-graph.ts';
import { writeTaskGraphJson } from './task-graph-json.ts';

/** One frame at a time is enough here. */
const zstd: Zstd = {
  compress: (bytes) => zstdCompressSync(bytes),
  decompress(bytes, maxBytes) {
    try {
      return zstdDecompressSync(bytes, { maxOutputLength: maxBytes });
    } catch (error) {
      throw invalidArgument((error as Error).message);
    }
  },
};

test('a graph is the same after a round trip', () => {
  const graph = layeredGraph({ layers: 3, width: 10, inputsPerTask: 2 });
  const bytes = encodeCompressedTaskGraph(graph, zstd);
  expect(decodeCompressedTaskGraph(bytes, zstd)).toEqual(graph);
  expect(zstdDecompressSync(bytes)).toEqual(Buffer.from(writeTaskGraphJson(graph)));
});

test('what the reference compressed is read', () => {
  const bytes = fromHex(
    '28b52ffd00589d0400e2c91e1d70b5d5018ef657bec80a1925aa9f90924ca013844e133fff630150f584b13d56a4f62671daa7d35a6c6f8ea8d4e3bc43ab3ce64e3f7673c4183f20341bcf371b4beab4925238cca3a7d4d0af71ba89479e5f7ec869cfa3004d56db61be075033dba300faf0907789d3be79410888e27966c9296839ba90c0bac3070037cd09675cc517e855c1c26c0b5738bccad41e',
  );
  expect(bytes).toHaveLength(156);
  const graph = decodeCompressedTaskGraph(bytes, zstd);
  expect(graph.taskCount).toBe(1);
  expect(graph.kinds[0]).toMatchObject({ packageName: 'p', functionName: 'f' });
});

test('the limit is handed to the decompressor', () => {
  const graph = layeredGraph({ layers: 1, width: 10, inputsPerTask: 1 });
  const bytes = encodeCompressedTaskGraph(graph, zstd);
  const size = writeTaskGraphJson(graph).length;
  expect(() => decodeCompressedTaskGraph(bytes, zstd, size)).not.toThrow();
  expect(() => decodeCompressedTaskGraph(bytes, zstd, size - 1)).toThrow(String(size - 1));
});

test('what is not compressed, or compressed but no graph, is refused', () => {
  expect(() => decodeCompressedTaskGraph(Uint8Array.of(1, 2, 3), zstd)).toThrow();
  const garbage = zstdCompressSync('[]', { params: { [constants.ZSTD_c_checksumFlag]: 1 } });
  expect(() => decodeCompressedTaskGraph(garbage, zstd)).toThrow('a task graph must be an object');
});
