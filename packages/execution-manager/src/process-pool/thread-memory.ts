import type { Worker } from 'node:worker_threads';

/**
 * The memory that a thread holds, in bytes: its heap, and what buffers have outside of it. Each
 * reading is of the time of the one before, since a thread answers in its own time, though also while
 * it computes.
 */
export function threadMemory(worker: Pick<Worker, 'getHeapStatistics'>): () => number {
  let bytes = 0;
  let isAsked = false;
  const ask = async (): Promise<void> => {
    isAsked = true;
    try {
      const heap = await worker.getHeapStatistics();
      bytes = heap.total_physical_size + heap.external_memory + heap.malloced_memory;
      isAsked = false;
    } catch {
      // It has ended, and is not asked again.
    }
  };
  return () => {
    if (!isAsked) void ask();
    return bytes;
  };
}
