import { expect, it } from 'vitest';
import { parseDriverLine } from './parse-driver-line.ts';

it('reads what was measured, and why something was not', () => {
  expect(parseDriverLine('{"workload":"flat-10k","tasks":10000,"seconds":[2,1]}')).toEqual({
    workload: 'flat-10k',
    measured: { tasks: 10_000, seconds: [2, 1] },
  });
  expect(parseDriverLine('{"workload":"chain-1000","cannot":"no order"}')).toEqual({
    workload: 'chain-1000',
    cannot: 'no order',
  });
});

it('passes over what libraries print', () => {
  expect(parseDriverLine('[info] started')).toBeUndefined();
});

it.each([
  ['{"workload":"other","cannot":"x"}', 'a driver speaks of a workload other'],
  ['{"workload":"flat-10k","tasks":1,"seconds":[]}', 'neither what it measured nor why not'],
  ['{"workload":"flat-10k"}', 'neither what it measured nor why not'],
])('refuses %s', (line, message) => {
  expect(() => parseDriverLine(line)).toThrow(message);
});
