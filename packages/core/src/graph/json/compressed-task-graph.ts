import { LIMITS } from '../../limits.ts';
import type { Zstd } from '../../wire/zstd.ts';
import type { TaskGraph } from '../task-graph.ts';
import { parseTaskGraphJson, writeTaskGraphJson } from './task-graph-json.ts';

/**
 * The task graph as the reference's clients register a job with it: compressed JSON.
 *
 * @throws SpiderError as `writeTaskGraphJson` does.
 */
export function encodeCompressedTaskGraph(graph: TaskGraph, zstd: Zstd): Uint8Array {
  return zstd.compress(writeTaskGraphJson(graph));
}

/**
 * Reads what `encodeCompressedTaskGraph` or a client of the reference wrote.
 *
 * @param maxBytes what the JSON may have.
 * @throws SpiderError 'invalid-argument' if it is not zstd, has more than `maxBytes`, or is not a valid
 * task graph.
 */
export function decodeCompressedTaskGraph(
  bytes: Uint8Array,
  zstd: Zstd,
  maxBytes: number = LIMITS.decompressedBytes,
): TaskGraph {
  return parseTaskGraphJson(zstd.decompress(bytes, maxBytes));
}
