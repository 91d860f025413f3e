import { decodeFrame } from '@spider/core';
import { chainGraph, fanInGraph, layeredGraph, treeGraph } from '@spider/core/testing';
import { expect, it } from 'vitest';
import { compareOutputs } from './evaluate-graph.ts';
import { packFloat64, unpackFloat64 } from './float64.ts';
import { floatWorkload } from './workload.ts';

it('knows what chains, trees and fan-ins come to', () => {
  expect([...floatWorkload('chain', chainGraph(7)).expected]).toEqual([7]);
  expect([...floatWorkload('tree', treeGraph({ depth: 2, fanOut: 2 })).expected]).toEqual([
    3, 3, 3, 3,
  ]);
  // 1 + (1 + 0) + (1 + 1) + (1 + 2) + (1 + 3)
  expect([...floatWorkload('fan-in', fanInGraph(4)).expected]).toEqual([11]);
});

it('keeps the values of deep layers exact', () => {
  const { expected } = floatWorkload(
    'layers',
    layeredGraph({ layers: 100, width: 20, inputsPerTask: 3 }),
  );
  expect(expected.every((value) => Number.isSafeInteger(value))).toBe(true);
  expect(new Set(expected).size).toBeGreaterThan(1);
});

it('packs inputs as float64', () => {
  const { inputs } = floatWorkload(
    'layers',
    layeredGraph({ layers: 1, width: 4, inputsPerTask: 3 }),
  );
  expect(decodeFrame(inputs).map(unpackFloat64)).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 0, 1]);
  expect(() => unpackFloat64(packFloat64(1).subarray(1))).toThrow('expected a float64');
});

it('says which output is wrong', () => {
  expect(compareOutputs([1, 2], [1, 2])).toBeUndefined();
  expect(compareOutputs([1], [1, 2])).toBe('got 1 outputs, expected 2');
  expect(compareOutputs([1, 3], [1, 2])).toBe('output 1 is 3, expected 2');
});
