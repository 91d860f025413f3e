import { expect, test } from 'vitest';
import { layeredGraph } from '../testing/closed-form-graphs.ts';
import { parseTaskGraphJson, writeTaskGraphJson } from './task-graph-json.ts';

// The bounds are many times what a slow machine takes. Work that grows with the square of the text
// exceeds them by far.

/** Time on the processor, which other processes take little away from. */
function busyMs(work: () => void): number {
  const start = process.threadCpuUsage();
  work();
  return process.threadCpuUsage(start).user / 1_000;
}

const encode = (text: string): Uint8Array => new TextEncoder().encode(text);

test('100,000 tasks with three inputs each are written and read in seconds', () => {
  const graph = layeredGraph({ layers: 10, width: 10_000, inputsPerTask: 3 });
  const busy = busyMs(() => {
    expect(parseTaskGraphJson(writeTaskGraphJson(graph)).taskCount).toBe(100_000);
  });
  expect(busy).toBeLessThan(15_000);
}, 60_000);

test.each([
  ['lists', '['.repeat(100_000)],
  ['objects', '{"a":'.repeat(100_000)],
  ['types', `[[["p","f"],null,[{"Value":${'{"List":'.repeat(100_000)}`],
])('%s that are nested 100,000 levels deep are refused at once', (_what, text) => {
  const bytes = encode(`{"tasks":${text}`);
  const busy = busyMs(() => {
    expect(() => parseTaskGraphJson(bytes)).toThrow('deeper than 128 levels');
  });
  expect(busy).toBeLessThan(1_000);
});

test.each([
  ['a string that does not end', `{"tasks":"${'a'.repeat(10_000_000)}`],
  ['a string of escapes', `{"tasks":"${'\\u0061'.repeat(2_000_000)}"`],
  ['an endless number', `{"tasks":${'9'.repeat(10_000_000)}`],
  ['endless spaces', `{"tasks":${' '.repeat(10_000_000)}`],
  ['an endless version', `{"schema_version":"0.1.0-${'a-'.repeat(2_000_000)}","tasks":0}`],
])('%s takes time in proportion to its length', (_what, text) => {
  const bytes = encode(text);
  const busy = busyMs(() => {
    expect(() => parseTaskGraphJson(bytes)).toThrow('task graph JSON: ');
  });
  expect(busy).toBeLessThan(5_000);
});
