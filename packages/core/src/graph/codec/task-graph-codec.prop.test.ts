import fc from 'fast-check';
import { expect, test } from 'vitest';
import { SpiderError } from '../../error.ts';
import { graphFromRecipe } from '../testing/graph-from-recipe.ts';
import { decodeTaskGraph } from './decode-task-graph.ts';
import { encodeTaskGraph } from './encode-task-graph.ts';

const graphs = fc.array(fc.nat({ max: 1_000 }), { maxLength: 300 }).map(graphFromRecipe);

test('a graph is the same after a round trip', () => {
  fc.assert(
    fc.property(graphs, (graph) => {
      const bytes = encodeTaskGraph(graph);
      expect(decodeTaskGraph(bytes)).toEqual(graph);
      expect(encodeTaskGraph(decodeTaskGraph(bytes))).toEqual(bytes);
    }),
  );
});

test('a graph that is cut short is refused', () => {
  fc.assert(
    fc.property(graphs, fc.nat(), (graph, seed) => {
      const bytes = encodeTaskGraph(graph);
      expect(() => decodeTaskGraph(bytes.subarray(0, seed % bytes.length))).toThrow(SpiderError);
    }),
  );
});

test('a graph with a damaged byte is refused, or is another valid graph', () => {
  fc.assert(
    fc.property(graphs, fc.nat(), fc.integer({ min: 1, max: 255 }), (graph, seed, damage) => {
      const bytes = encodeTaskGraph(graph);
      const place = seed % bytes.length;
      bytes[place] = (bytes[place] ?? 0) ^ damage;
      expectGraphOrRefusal(bytes);
    }),
    { numRuns: 1_000 },
  );
});

test('any bytes behind the right head are refused, or are a valid graph', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), (tail) => {
      expectGraphOrRefusal(Uint8Array.of(0x53, 0x50, 0x47, 1, 0, ...tail));
    }),
    { numRuns: 1_000 },
  );
});

function expectGraphOrRefusal(bytes: Uint8Array): void {
  let graph;
  try {
    graph = decodeTaskGraph(bytes);
  } catch (error) {
    expect(error).toMatchObject({ name: 'SpiderError', code: 'invalid-argument' });
    return;
  }
  expect(decodeTaskGraph(encodeTaskGraph(graph))).toEqual(graph);
}
