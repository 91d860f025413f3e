import { describe, expect, test } from 'vitest';
import { ExecutorOutcome } from '@spider/core';
import { MachineBench, measured, ofType, positionsRun } from '../../test/machine-bench.ts';
import { makeLot } from '../testing/make-lot.ts';
import { packPayloads } from './payload-ranges.ts';

/** Two slots with four short tasks each, or so they are thought to be. */
function twoFullPipes(): MachineBench {
  const bench = MachineBench.ready(2, true);
  const kinds = measured(bench, 2_000);
  bench.lease(makeLot({ count: 8, kinds }));
  expect([bench.inPipe(0), bench.inPipe(1)]).toEqual([4, 4]);
  return bench;
}

describe('a task that runs much longer than its like', () => {
  test('keeps none waiting: those behind it are asked back and run elsewhere', () => {
    const bench = twoFullPipes();
    bench.answer(1, 4, 2_000);
    const effects = bench.pass(20);
    expect(ofType(effects, 'ask-back')).toMatchObject([{ slot: 0 }]);
    const first = bench.machine.state.slots[0]?.pipe.positionAt(0) ?? -1;
    expect(positionsRun(bench.giveBack(0, 3))).toHaveLength(3);
    expect([bench.inPipe(0), bench.inPipe(1)]).toEqual([1, 3]);
    const [report] = ofType(bench.answer(0, 1, 900_000), 'report');
    expect(report?.positions).toEqual([first]);
  });

  test('gets nothing more behind it until it has ended', () => {
    const bench = MachineBench.ready(1, true);
    const kinds = measured(bench, 2_000);
    bench.lease(makeLot({ kinds }));
    expect(ofType(bench.pass(20), 'ask-back')).toEqual([]);
    expect(positionsRun(bench.lease(makeLot({ count: 3, kinds, instanceBase: 50n })))).toEqual([]);
    expect(positionsRun(bench.answer(0, 1, 40_000))).toEqual([0, 1, 2]);
  });

  test('of an executor without extensions keeps what it has, and gets no more', () => {
    const bench = MachineBench.ready(1);
    const kinds = measured(bench, 2_000);
    bench.lease(makeLot({ count: 3, kinds }));
    expect(ofType(bench.pass(20), 'ask-back')).toEqual([]);
    expect(positionsRun(bench.lease(makeLot({ kinds, instanceBase: 50n })))).toEqual([]);
    expect(bench.inPipe(0)).toBe(3);
    expect(positionsRun(bench.answer(0, 1, 40_000))).toEqual([0]);
  });

  test('is certain to be the culprit once the others were given back', () => {
    const bench = twoFullPipes();
    bench.answer(1, 4, 2_000);
    bench.pass(20);
    bench.giveBack(0, 3);
    expect(ofType(bench.exit(0, { code: 1 }), 'report-failure')).toHaveLength(1);
  });
});

describe('requests that were asked back', () => {
  test('and were answered meanwhile are not missed', () => {
    const bench = twoFullPipes();
    bench.answer(1, 4, 2_000);
    bench.pass(20);
    bench.answer(0, 4, 2_000);
    bench.lease(makeLot({ count: 2, kinds: measured(bench, 2_000), instanceBase: 50n }));
    const before = [bench.inPipe(0), bench.inPipe(1)];
    expect(bench.giveBack(0, 0)).toEqual([]);
    expect([bench.inPipe(0), bench.inPipe(1)]).toEqual(before);
  });

  test('are dropped if they were cancelled meanwhile', () => {
    const bench = twoFullPipes();
    bench.answer(1, 4, 2_000);
    bench.pass(20);
    const instanceOffsets = Array.from({ length: 8 }, (_, i) => i);
    bench.tell({ type: 'cancel', jobId: 1n, instanceBase: 0n, instanceOffsets });
    expect(positionsRun(bench.giveBack(0, 3))).toEqual([]);
    expect(bench.machine.state.inFlight).toBe(1);
  });

  test.each([
    ['unasked', 0, 1],
    ['too many', 20, 5],
  ])('%s, end the process', (_what, passMs, count) => {
    const bench = twoFullPipes();
    bench.answer(1, 4, 2_000);
    bench.pass(passMs);
    expect(bench.giveBack(0, count)).toContainEqual(expect.objectContaining({ type: 'kill' }));
  });
});

describe('cancelled requests', () => {
  const cancelled = (...instanceOffsets: number[]) => ({
    type: 'cancel' as const,
    jobId: 1n,
    instanceBase: 0n,
    instanceOffsets,
  });

  test('are named by their number in the process', () => {
    const bench = MachineBench.ready(1, true);
    const kinds = measured(bench, 2_000);
    const before = bench.machine.state.slots[0]?.answered ?? 0;
    bench.lease(makeLot({ count: 4, kinds }));
    bench.answer(0, 1, 2_000);
    const effects = bench.tell(cancelled(1, 3));
    expect(ofType(effects, 'cancel-requests')).toMatchObject([
      { slot: 0, requests: [before + 1, before + 3] },
    ]);
    expect(ofType(bench.tell(cancelled(1, 3)), 'cancel-requests')).toEqual([]);
  });

  test('are not told to an executor without extensions', () => {
    const bench = MachineBench.ready(1);
    bench.lease(makeLot());
    expect(ofType(bench.tell(cancelled(0)), 'cancel-requests')).toEqual([]);
  });

  test('may be answered as never begun, which says nothing of how long they take', () => {
    const bench = MachineBench.ready(1, true);
    const kinds = measured(bench, 2_000);
    const lot = makeLot({ count: 2, kinds });
    bench.lease(lot);
    bench.tell(cancelled(1));
    const { length } = lot.kinds[0] ?? { length: undefined };
    const before = length?.valueUs;
    const responses = {
      count: 2,
      outcomes: [ExecutorOutcome.Succeeded, ExecutorOutcome.Cancelled],
      elapsedUs: [2_000, 0],
      payloads: packPayloads([new Uint8Array(4), new Uint8Array(0)]),
    };
    const process = bench.processOf(0);
    const effects = bench.tell({ type: 'responses', slot: 0, process, responses });
    expect(ofType(effects, 'report')[0]?.lots).toEqual([lot, undefined]);
    expect(length?.valueUs).toBe(before);
  });

  test('are only those that were: else the process talks nonsense', () => {
    const bench = MachineBench.ready(1, true);
    bench.lease(makeLot());
    const responses = {
      count: 1,
      outcomes: [ExecutorOutcome.Cancelled],
      elapsedUs: [0],
      payloads: packPayloads([new Uint8Array(0)]),
    };
    const process = bench.processOf(0);
    expect(bench.tell({ type: 'responses', slot: 0, process, responses })).toContainEqual(
      expect.objectContaining({ type: 'kill' }),
    );
  });
});
