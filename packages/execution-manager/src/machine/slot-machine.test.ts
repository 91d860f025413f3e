import { ExecutorOutcome } from '@spider/core';
import { describe, expect, test } from 'vitest';
import { granted, MachineBench, measured, ofType, positionsRun } from '../../test/machine-bench.ts';
import { makeLot } from '../testing/make-lot.ts';
import { packPayloads } from './payload-ranges.ts';
import type { ResponseBatch } from './slot-event.ts';
import { PIPE_COUNT_MAX } from './slot.ts';

describe('executors come up', () => {
  test('every slot gets a process, and work as soon as its process answers', () => {
    const bench = new MachineBench(2);
    const effects = bench.tell({ type: 'start' });
    expect(ofType(effects, 'spawn').map((effect) => effect.slot)).toEqual([0, 1]);
    expect(bench.lease(makeLot({ count: 1 }))).not.toContainEqual(
      expect.objectContaining({ type: 'execute' }),
    );
    const started = bench.tell({ type: 'executor-started', slot: 1, process: bench.processOf(1) });
    expect(started).toContainEqual(expect.objectContaining({ type: 'execute', slot: 1 }));
  });

  test('one that dies before it has answered is tried again later, and later still', () => {
    const bench = new MachineBench(1);
    bench.tell({ type: 'start' });
    const delays = Array.from({ length: 9 }, () => {
      const [failed] = ofType(bench.exit(0, { code: 1 }), 'start-failed');
      bench.pass((failed?.retryInUs ?? 0) / 1000);
      return failed?.retryInUs;
    });
    expect(delays.slice(0, 4)).toEqual([100_000, 200_000, 400_000, 800_000]);
    expect(delays.at(-1)).toBe(10_000_000);
  });

  test('one that dies idle, before it has run anything, is tried again later, too', () => {
    const bench = MachineBench.ready(1);
    const effects = bench.exit(0, { code: 1 });
    expect(effects).toContainEqual(expect.objectContaining({ type: 'crashed' }));
    expect(ofType(effects, 'spawn')).toEqual([]);
    expect(ofType(bench.pass(100), 'spawn')).toHaveLength(1);
    bench.tell({ type: 'executor-started', slot: 0, process: bench.processOf(0) });
    bench.exit(0, { code: 1 });
    expect(ofType(bench.pass(199), 'spawn')).toEqual([]);
    expect(ofType(bench.pass(1), 'spawn')).toHaveLength(1);
  });

  test('one that dies idle after it was of use is replaced at once', () => {
    const bench = MachineBench.ready(1);
    bench.lease(makeLot());
    bench.answer(0, 1);
    expect(ofType(bench.exit(0, { code: 1 }), 'spawn')).toHaveLength(1);
  });

  test('one that never answers is killed', () => {
    const bench = new MachineBench(1);
    bench.tell({ type: 'start' });
    expect(bench.pass(29_999)).toEqual([]);
    expect(bench.pass(1)).toContainEqual(expect.objectContaining({ type: 'kill', slot: 0 }));
  });

  test('no work is asked for while no executor comes up', () => {
    const bench = new MachineBench(1);
    expect(granted(bench.tell({ type: 'start' }))).toBe(1);
    bench.tell({ type: 'credit-void' });
    bench.exit(0, { code: 1 });
    expect(granted(bench.tell({ type: 'credit-void' }))).toBe(0);
  });
});

describe('pipes', () => {
  test('a task of unknown length has its slot to itself', () => {
    const bench = MachineBench.ready(2);
    const effects = bench.lease(makeLot({ count: 5 }));
    expect(positionsRun(effects)).toEqual([0, 1]);
    expect([bench.inPipe(0), bench.inPipe(1)]).toEqual([1, 1]);
  });

  test('short tasks fill the pipe up to the limit, and again when it is half empty', () => {
    const bench = MachineBench.ready(1);
    const kinds = measured(bench, 5);
    bench.lease(makeLot({ count: 300, kinds }));
    expect(bench.inPipe(0)).toBe(PIPE_COUNT_MAX);
    expect(positionsRun(bench.answer(0, PIPE_COUNT_MAX / 2 - 1))).toEqual([]);
    expect(positionsRun(bench.answer(0, 1))).toHaveLength(PIPE_COUNT_MAX / 2);
    expect(bench.inPipe(0)).toBe(PIPE_COUNT_MAX);
  });

  test('tasks of some milliseconds have one more behind them, long ones none', () => {
    for (const [elapsedUs, expected] of [
      [1_000, 8],
      [5_000, 2],
      [20_000, 1],
    ] as const) {
      const bench = MachineBench.ready(1);
      const kinds = measured(bench, elapsedUs);
      bench.lease(makeLot({ count: 20, kinds }));
      expect(bench.inPipe(0)).toBe(expected);
    }
  });

  test('where handing over takes little, a pipe is not filled with what others could run', () => {
    const bench = MachineBench.ready(1);
    bench.handOffUs = 60;
    const kinds = measured(bench, 1_000);
    bench.lease(makeLot({ count: 20, kinds }));
    expect(bench.inPipe(0)).toBe(1);
  });

  test('on a busy machine, where handing over takes long, pipes get deeper', () => {
    const bench = MachineBench.ready(2);
    bench.handOffUs = 60;
    const kinds = measured(bench, 200);
    bench.lease(makeLot({ count: 2_000, kinds }));
    expect(bench.inPipe(0)).toBe(3);
    bench.handOffUs = 20_000;
    for (let round = 0; round < 30; round += 1) bench.answer(0, bench.inPipe(0), 200);
    expect(bench.inPipe(0)).toBeGreaterThan(10);
  });

  test('a task that is interrupted for long does not make its like long', () => {
    const bench = MachineBench.ready(1);
    const kinds = measured(bench, 10);
    bench.lease(makeLot({ count: 1, kinds }));
    bench.answer(0, 1, 20_000);
    bench.lease(makeLot({ count: 200, kinds }));
    expect(bench.inPipe(0)).toBe(PIPE_COUNT_MAX);
  });

  test('a pipe takes no more than so many bytes, but always one task', () => {
    const bench = MachineBench.ready(1);
    const kinds = measured(bench, 5);
    const inputs = Array.from({ length: 3 }, () => new Uint8Array(3 * 1024 * 1024));
    bench.lease(makeLot({ kinds, inputs }));
    expect(bench.inPipe(0)).toBe(2);
  });

  test('a few short tasks are spread over all slots', () => {
    const bench = MachineBench.ready(4);
    const kinds = measured(bench, 5);
    bench.lease(makeLot({ count: 10, kinds }));
    expect([0, 1, 2, 3].map((slot) => bench.inPipe(slot)).join('')).toMatch(/^(2|3){4}$/);
  });

  test('answers belong to the oldest requests, in order', () => {
    const bench = MachineBench.ready(1);
    const kinds = measured(bench, 5);
    const lot = makeLot({ count: 4, kinds });
    bench.lease(lot);
    const [report] = ofType(bench.answer(0, 3), 'report');
    expect(report?.positions).toEqual([0, 1, 2]);
    expect(report?.lots).toEqual([lot, lot, lot]);
  });

  test('more answers than requests end the process; its request fails and says so', () => {
    const bench = MachineBench.ready(1);
    bench.lease(makeLot());
    expect(bench.answer(0, 2)).toContainEqual(expect.objectContaining({ type: 'kill' }));
    const [failure] = ofType(bench.exit(0, { signal: 'SIGKILL' }), 'report-failure');
    expect(failure?.message).toBe(
      'executor crashed (it wrote an answer to a request that was never made)',
    );
  });
});

describe('a process dies', () => {
  test.each([
    [{ code: 3 }, 'executor crashed (exit code 3)'],
    [{ signal: 'SIGSEGV' }, 'executor crashed (signal SIGSEGV)'],
    [{ error: 'its output broke off' }, 'executor crashed (its output broke off)'],
  ])('the running task fails, and says how the process ended: %o', (exit, message) => {
    const bench = MachineBench.ready(1);
    bench.lease(makeLot());
    bench.nowUs += 70;
    const [failure] = ofType(bench.exit(0, exit), 'report-failure');
    expect(failure).toMatchObject({ position: 0, message, elapsedUs: 70 });
  });

  test('with several in its pipe none is blamed: each runs again, alone, before all others', () => {
    const bench = MachineBench.ready(1);
    const kinds = measured(bench, 2_000);
    bench.lease(makeLot({ count: 8, kinds }));
    expect(bench.inPipe(0)).toBe(4);
    const effects = bench.exit(0, { signal: 'SIGKILL' });
    expect(ofType(effects, 'report-failure')).toEqual([]);
    expect(effects).toContainEqual(expect.objectContaining({ type: 'spawn', slot: 0 }));
    expect(positionsRun(bench.start(0))).toEqual([0]);
    expect(positionsRun(bench.answer(0, 1, 2_000))).toEqual([1]);
    expect(positionsRun(bench.answer(0, 1, 2_000))).toEqual([2]);
    expect(positionsRun(bench.answer(0, 1, 2_000))).toEqual([3]);
    expect(positionsRun(bench.answer(0, 1, 2_000))).toEqual([4, 5, 6, 7]);
  });

  test('the culprit is alone when it ends its next process, and only it fails', () => {
    const bench = MachineBench.ready(1);
    const kinds = measured(bench, 2_000);
    bench.lease(makeLot({ count: 3, kinds }));
    bench.exit(0, { signal: 'SIGKILL' });
    bench.start(0);
    bench.answer(0, 1, 2_000);
    const [failure, ...others] = ofType(bench.exit(0, { code: 9 }), 'report-failure');
    expect(others).toEqual([]);
    expect(failure).toMatchObject({ position: 1, message: 'executor crashed (exit code 9)' });
    expect(positionsRun(bench.start(0))).toEqual([2]);
  });

  test('suspects go to all slots that have nothing else; nothing is put behind what runs', () => {
    const bench = MachineBench.ready(2);
    const kinds = measured(bench, 2_000);
    bench.lease(makeLot({ count: 12, kinds }));
    expect([bench.inPipe(0), bench.inPipe(1)]).toEqual([4, 4]);
    expect(positionsRun(bench.exit(0, { code: 1 }))).toEqual([]);
    expect(positionsRun(bench.answer(1, 3, 2_000))).toEqual([]);
    expect(positionsRun(bench.answer(1, 1, 2_000))).toHaveLength(1);
    expect(positionsRun(bench.start(0))).toHaveLength(1);
    expect(positionsRun(bench.answer(0, 1, 2_000))).toHaveLength(1);
    expect(positionsRun(bench.answer(1, 1, 2_000))).toHaveLength(1);
    expect([bench.inPipe(0), bench.inPipe(1)]).toEqual([1, 1]);
    expect(positionsRun(bench.answer(0, 1, 2_000))).toHaveLength(4);
  });

  test('suspects that are cancelled keep nothing from running', () => {
    const bench = MachineBench.ready(2);
    const kinds = measured(bench, 2_000);
    bench.lease(makeLot({ count: 4, kinds }));
    bench.lease(makeLot({ count: 4, kinds, instanceBase: 100n }));
    bench.exit(0, { code: 1 });
    bench.lease(makeLot({ count: 4, kinds, instanceBase: 200n }));
    const instanceOffsets = Array.from({ length: 104 }, (_, i) => i);
    const cancelled = { type: 'cancel' as const, jobId: 1n, instanceBase: 0n, instanceOffsets };
    bench.tell(cancelled);
    expect(bench.machine.state.queue.count + bench.inPipe(1)).toBeGreaterThanOrEqual(4);
    bench.answer(1, bench.inPipe(1), 2_000);
    bench.start(0);
    expect(bench.inPipe(0) + bench.inPipe(1)).toBe(4);
  });

  test('one that was ended for a cancelled task makes nobody a suspect', () => {
    const bench = MachineBench.ready(1);
    const kinds = measured(bench, 2_000);
    bench.lease(makeLot({ count: 4, kinds }));
    bench.tell({ type: 'cancel', jobId: 1n, instanceBase: 0n, instanceOffsets: [0] });
    bench.pass(1_000);
    bench.exit(0, { signal: 'SIGKILL' });
    expect(positionsRun(bench.start(0))).toEqual([1, 2, 3]);
  });

  test('what an earlier process of the slot still says is not heard', () => {
    const bench = MachineBench.ready(1);
    const process = bench.processOf(0);
    bench.lease(makeLot());
    bench.exit(0, { code: 1 });
    bench.tell({ type: 'executor-started', slot: 0, process: bench.processOf(0) });
    bench.lease(makeLot());
    const responses: ResponseBatch = {
      count: 1,
      outcomes: [ExecutorOutcome.Succeeded],
      elapsedUs: [1],
      payloads: packPayloads([new Uint8Array(4)]),
    };
    expect(bench.tell({ type: 'responses', slot: 0, process, responses })).toEqual([]);
    expect(bench.inPipe(0)).toBe(1);
  });
});

describe('hard timeout', () => {
  test('kills the process, and the task fails with its limit', () => {
    const bench = MachineBench.ready(1);
    bench.lease(makeLot({ hardTimeoutMs: 200 }));
    expect(bench.pass(199)).toEqual([]);
    expect(bench.pass(1)).toContainEqual(expect.objectContaining({ type: 'kill' }));
    const [failure] = ofType(bench.exit(0, { signal: 'SIGKILL' }), 'report-failure');
    expect(failure).toMatchObject({ position: 0, message: 'hard timeout (200 ms) exceeded' });
  });

  test('in a pipe of several blames nobody until the one that hangs is alone', () => {
    const bench = MachineBench.ready(1);
    const kinds = measured(bench, 2_000, { hardTimeoutMs: 200 });
    bench.lease(makeLot({ count: 3, kinds, hardTimeoutMs: 200 }));
    bench.pass(200);
    expect(ofType(bench.exit(0, { signal: 'SIGKILL' }), 'report-failure')).toEqual([]);
    // The first had ended; its result was held, and lost.
    expect(positionsRun(bench.start(0))).toEqual([0]);
    expect(positionsRun(bench.answer(0, 1, 2_000))).toEqual([1]);
    expect(ofType(bench.pass(199), 'kill')).toEqual([]);
    expect(ofType(bench.pass(1), 'kill')).toHaveLength(1);
    const [failure] = ofType(bench.exit(0, { signal: 'SIGKILL' }), 'report-failure');
    expect(failure).toMatchObject({ position: 1, message: 'hard timeout (200 ms) exceeded' });
    expect(positionsRun(bench.start(0))).toEqual([2]);
  });

  test('of a task behind another starts when the answer before it has arrived', () => {
    const bench = MachineBench.ready(1);
    const kinds = measured(bench, 2_000, { hardTimeoutMs: 200 });
    bench.lease(makeLot({ count: 2, kinds, hardTimeoutMs: 200 }));
    bench.pass(150);
    bench.answer(0, 1, 2_000);
    expect(ofType(bench.pass(199), 'kill')).toEqual([]);
    expect(ofType(bench.pass(1), 'kill')).toHaveLength(1);
  });

  test('an answer that comes after the kill does not count', () => {
    const bench = MachineBench.ready(1);
    bench.lease(makeLot({ hardTimeoutMs: 200 }));
    bench.pass(200);
    expect(ofType(bench.answer(0, 1), 'report')).toEqual([]);
    const [failure] = ofType(bench.exit(0, { signal: 'SIGKILL' }), 'report-failure');
    expect(failure?.message).toBe('hard timeout (200 ms) exceeded');
  });
});

describe('cancel', () => {
  const cancelled = (...instanceOffsets: number[]) => ({
    type: 'cancel' as const,
    jobId: 1n,
    instanceBase: 0n,
    instanceOffsets,
  });

  test('what waits is dropped without a word', () => {
    const bench = MachineBench.ready(1);
    bench.lease(makeLot({ count: 3 }));
    const effects = bench.tell(cancelled(1));
    expect(ofType(effects, 'release')).toEqual([]);
    expect(positionsRun(bench.answer(0, 1))).toEqual([2]);
  });

  test('instances are known by their id, whatever base they are counted from', () => {
    const bench = MachineBench.ready(1);
    bench.lease(makeLot({ count: 3, instanceBase: 2n ** 40n }));
    bench.tell({ ...cancelled(3), instanceBase: 2n ** 40n - 2n });
    bench.tell({ ...cancelled(2), jobId: 2n, instanceBase: 2n ** 40n });
    expect(positionsRun(bench.answer(0, 1))).toEqual([2]);
  });

  test('the result of what is in a pipe is dropped', () => {
    const bench = MachineBench.ready(1);
    const kinds = measured(bench, 5);
    const lot = makeLot({ count: 3, kinds });
    bench.lease(lot);
    bench.tell(cancelled(1));
    const [report] = ofType(bench.answer(0, 3), 'report');
    expect(report?.lots).toEqual([lot, undefined, lot]);
  });

  test('what runs is killed after the grace period, and nothing is said of it', () => {
    const bench = MachineBench.ready(1);
    bench.lease(makeLot({ count: 1 }));
    bench.tell(cancelled(0));
    expect(ofType(bench.pass(999), 'kill')).toEqual([]);
    expect(ofType(bench.pass(1), 'kill')).toHaveLength(1);
    const effects = bench.exit(0, { signal: 'SIGKILL' });
    expect(effects).not.toContainEqual(expect.objectContaining({ type: 'report-failure' }));
    expect(bench.machine.state.inFlight).toBe(0);
  });

  test('what comes to be run only later has the grace period from then on', () => {
    const bench = MachineBench.ready(1);
    const kinds = measured(bench, 2_000);
    bench.lease(makeLot({ count: 2, kinds }));
    bench.tell(cancelled(1));
    bench.pass(900);
    bench.answer(0, 1, 2_000);
    expect(ofType(bench.pass(999), 'kill')).toEqual([]);
    expect(ofType(bench.pass(1), 'kill')).toHaveLength(1);
  });
});

describe('processes are replaced', () => {
  test('after so many tasks, and get no more', () => {
    const bench = new MachineBench(1, 3);
    bench.tell({ type: 'start' });
    bench.start(0);
    bench.lease(makeLot({ count: 10 }));
    bench.answer(0, 1);
    // They are known to be short by now, and would all be in the pipe.
    expect(bench.inPipe(0)).toBe(2);
    const effects = bench.answer(0, 2);
    expect(ofType(effects, 'retire')).toHaveLength(1);
    expect(ofType(effects, 'execute')).toEqual([]);
    const next = bench.exit(0, { code: 0 });
    expect(ofType(next, 'spawn')).toHaveLength(1);
    expect(ofType(next, 'crashed')).toEqual([]);
    bench.start(0);
    expect(bench.inPipe(0)).toBe(3);
  });

  test('when they have grown too large, once they have run what they have', () => {
    const bench = MachineBench.ready(1);
    bench.lease(makeLot({ count: 2 }));
    const grown = bench.tell({ type: 'executor-grown', slot: 0, process: bench.processOf(0) });
    expect(grown).toEqual([]);
    expect(ofType(bench.answer(0, 1), 'retire')).toHaveLength(1);
    const next = bench.exit(0, { code: 0 });
    expect(ofType(next, 'spawn')).toHaveLength(1);
    expect(ofType(next, 'report-failure')).toEqual([]);
  });
});
