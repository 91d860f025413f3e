import { expect, test } from 'vitest';
import { decodeTaskGraph } from './codec/decode-task-graph.ts';
import { encodeTaskGraph } from './codec/encode-task-graph.ts';
import { layeredGraph } from './testing/closed-form-graphs.ts';

const GIB = 1024 ** 3;

/** Time on the processor, which other processes take little away from. */
function busyMs(work: () => void): number {
  const start = process.threadCpuUsage();
  work();
  const { user, system } = process.threadCpuUsage(start);
  return (user + system) / 1_000;
}

// A quick machine takes a quarter of the times.
test('a graph of a million tasks and three million edges is built, written and read', () => {
  let graph = layeredGraph({ layers: 1, width: 1, inputsPerTask: 1 });
  const buildMs = busyMs(() => {
    graph = layeredGraph({ layers: 100, width: 10_000, inputsPerTask: 3 });
  });
  expect(graph.taskCount).toBe(1_000_000);
  expect(graph.sourceTask.length).toBe(3_000_000);

  let bytes = new Uint8Array();
  let again = graph;
  const codecMs = busyMs(() => {
    bytes = encodeTaskGraph(graph);
    again = decodeTaskGraph(bytes);
  });
  const peakBytes = process.resourceUsage().maxRSS * 1024;
  expect(Buffer.compare(encodeTaskGraph(again), bytes)).toBe(0);

  expect(buildMs).toBeLessThan(2_000);
  expect(codecMs).toBeLessThan(3_000);
  expect(peakBytes).toBeLessThan(GIB);
}, 60_000);
