import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { SpiderError } from '../../error.ts';
import { parseTaskGraphJson, writeTaskGraphJson } from '../json/task-graph-json.ts';
import { decodeTaskGraphMsgpack, encodeTaskGraphMsgpack } from '../msgpack/task-graph-msgpack.ts';
import type { TaskGraph } from '../task-graph.ts';
import { expressibleGraphFromRecipe } from './testing/expressible-graph-from-recipe.ts';

const graphs = fc.array(fc.nat({ max: 1_000 }), { maxLength: 120 }).map(expressibleGraphFromRecipe);

interface Format {
  readonly write: (graph: TaskGraph) => Uint8Array;
  readonly read: (bytes: Uint8Array) => TaskGraph;
}

const FORMATS: Readonly<Record<string, Format>> = {
  JSON: { write: writeTaskGraphJson, read: parseTaskGraphJson },
  MessagePack: { write: encodeTaskGraphMsgpack, read: decodeTaskGraphMsgpack },
};

describe.each(Object.entries(FORMATS))('in %s', (_name, { write, read }) => {
  function expectGraphOrRefusal(bytes: Uint8Array): void {
    let graph;
    try {
      graph = read(bytes);
    } catch (error) {
      expect(error).toMatchObject({ name: 'SpiderError', code: 'invalid-argument' });
      return;
    }
    expect(read(write(graph))).toEqual(graph);
  }

  test('a graph is the same after a round trip, and so are its bytes', () => {
    fc.assert(
      fc.property(graphs, (graph) => {
        const bytes = write(graph);
        expect(read(bytes)).toEqual(graph);
        expect(write(read(bytes))).toEqual(bytes);
      }),
    );
  });

  test('a graph that is cut short is refused', () => {
    fc.assert(
      fc.property(graphs, fc.nat(), (graph, seed) => {
        const bytes = write(graph);
        expect(() => read(bytes.subarray(0, seed % bytes.length))).toThrow(SpiderError);
      }),
    );
  });

  test('a graph with a damaged byte is refused, or is another valid graph', () => {
    fc.assert(
      fc.property(graphs, fc.nat(), fc.integer({ min: 1, max: 255 }), (graph, seed, damage) => {
        const bytes = write(graph);
        const place = seed % bytes.length;
        bytes[place] = (bytes[place] ?? 0) ^ damage;
        expectGraphOrRefusal(bytes);
      }),
      { numRuns: 1_000 },
    );
  });

  test('a graph with another digit or bracket somewhere is refused, or is another valid graph', () => {
    const bytesOfInterest = fc.constantFrom(...Buffer.from('019"{}[],:\\'), 0x80, 0xc0, 0xff);
    fc.assert(
      fc.property(graphs, fc.nat(), bytesOfInterest, (graph, seed, byte) => {
        const bytes = write(graph);
        bytes[seed % bytes.length] = byte;
        expectGraphOrRefusal(bytes);
      }),
      { numRuns: 1_000 },
    );
  });
});

test('both formats read the same graph', () => {
  fc.assert(
    fc.property(graphs, (graph) => {
      const viaMsgpack = decodeTaskGraphMsgpack(encodeTaskGraphMsgpack(graph));
      expect(writeTaskGraphJson(viaMsgpack)).toEqual(writeTaskGraphJson(graph));
    }),
  );
});

test('the JSON holds what the platform reads from it', () => {
  fc.assert(
    fc.property(graphs, (graph) => {
      const text = new TextDecoder().decode(writeTaskGraphJson(graph));
      const document = JSON.parse(text) as { tasks: unknown[] };
      expect(document.tasks).toHaveLength(graph.taskCount);
      // Spaces between the tokens, and keys in any order, change nothing.
      const turned = JSON.stringify(
        Object.fromEntries(Object.entries(document).toReversed()),
        null,
        2,
      );
      expect(parseTaskGraphJson(new TextEncoder().encode(turned))).toEqual(graph);
    }),
  );
});
