import { describe, expect, test } from 'vitest';
import { granted, MachineBench, measured, ofType } from '../../test/machine-bench.ts';
import { makeLot } from '../testing/make-lot.ts';
import { InstanceKinds } from './instance-kind.ts';
import { PIPE_COUNT_MAX } from './slot.ts';

describe('asking for work', () => {
  test('one task a slot as long as nothing is known', () => {
    const bench = new MachineBench(3);
    expect(granted(bench.tell({ type: 'start' }))).toBe(3);
  });

  test('enough short tasks to fill the pipes and to bridge a round trip', () => {
    const bench = MachineBench.ready(2);
    measured(bench, 10);
    expect(bench.machine.state.credit).toBeGreaterThan(2 * PIPE_COUNT_MAX);
    expect(bench.machine.state.credit).toBeLessThanOrEqual(6 * PIPE_COUNT_MAX);
  });

  test('no more than there are slots when tasks are long', () => {
    const bench = new MachineBench(2);
    bench.tell({ type: 'start' });
    for (const slot of [0, 1]) {
      bench.tell({ type: 'executor-started', slot, process: bench.processOf(slot) });
    }
    for (let round = 0; round < 10; round += 1) {
      bench.tell({
        type: 'assigned',
        count: bench.machine.state.credit,
        leases: bench.machine.state.credit,
      });
      bench.lease(makeLot({ count: bench.machine.state.leasing }));
      expect(bench.machine.state.inFlight).toBe(2);
      expect(granted(bench.answer(0, 1, 1_000_000))).toBe(1);
      expect(granted(bench.answer(1, 1, 1_000_000))).toBe(1);
    }
  });

  test('a slot that falls idle asks at once, one of many short tasks does not', () => {
    const long = MachineBench.ready(2);
    const kinds = measured(long, 100_000);
    long.tell({ type: 'assigned', count: 2, leases: 2 });
    long.lease(makeLot({ count: 2, kinds }));
    expect(granted(long.answer(0, 1, 100_000))).toBe(1);

    const short = MachineBench.ready(2);
    const shortKinds = measured(short, 10);
    short.tell({
      type: 'assigned',
      count: short.machine.state.credit,
      leases: short.machine.state.credit,
    });
    short.lease(makeLot({ count: short.machine.state.leasing, kinds: shortKinds }));
    expect(granted(short.answer(0, 1))).toBe(0);
    expect(granted(short.answer(0, 126))).toBeGreaterThan(50);
  });

  test('refused leases are asked for again elsewhere', () => {
    const bench = MachineBench.ready(2);
    bench.tell({ type: 'assigned', count: 2, leases: 2 });
    expect(granted(bench.tell({ type: 'refused', count: 2 }))).toBe(2);
  });

  test('nothing while too many reports wait, as before when they are gone', () => {
    const bench = MachineBench.ready(1);
    bench.tell({ type: 'backlog', full: true });
    expect(granted(bench.tell({ type: 'credit-void' }))).toBe(0);
    expect(granted(bench.tell({ type: 'backlog', full: false }))).toBe(1);
  });
});

describe('too much work', () => {
  test('a queue that no slot takes from is given back', () => {
    const bench = MachineBench.ready(1);
    bench.lease(makeLot({ count: 3 }));
    expect(ofType(bench.pass(249), 'release')).toEqual([]);
    const [released] = ofType(bench.pass(1), 'release');
    expect(released?.instances.positions.toSorted()).toEqual([1, 2]);
    expect(bench.inPipe(0)).toBe(1);
  });

  test('a queue that waits for an executor to come up again is kept', () => {
    const bench = MachineBench.ready(1);
    bench.lease(makeLot({ count: 3 }));
    bench.exit(0, { code: 1 });
    expect(ofType(bench.pass(1_000), 'release')).toEqual([]);
    bench.tell({ type: 'executor-started', slot: 0, process: bench.processOf(0) });
    expect(bench.inPipe(0)).toBe(1);
  });

  test('a queue that waits for one that does not come up is not', () => {
    const bench = MachineBench.ready(1);
    bench.lease(makeLot({ count: 3 }));
    bench.exit(0, { code: 1 });
    bench.pass(1_000);
    const [released] = ofType(bench.exit(0, { code: 1 }), 'release');
    expect(released?.instances.positions).toHaveLength(2);
  });

  test('more than half a second of work a slot is given back once that is known', () => {
    const bench = MachineBench.ready(2);
    const kinds = new InstanceKinds();
    bench.lease(makeLot({ count: 100, kinds }));
    const [released] = ofType(bench.answer(0, 1, 50_000), 'release');
    expect(released?.instances.lots.length).toBeGreaterThan(90);
  });

  test('credit for short tasks is taken back when tasks turn out to be long', () => {
    const bench = MachineBench.ready(1);
    measured(bench, 10);
    const slow = new InstanceKinds();
    const effects = Array.from({ length: 30 }, (_, index) => {
      bench.lease(makeLot({ kinds: slow, instanceBase: BigInt(5000 + index) }));
      return bench.answer(0, 1, 100_000);
    }).flat();
    expect(ofType(effects, 'withdraw-credit')).toHaveLength(1);
    expect(granted(bench.tell({ type: 'credit-void' }))).toBe(1);
  });
});

describe('drain', () => {
  test('what waits goes back, what runs is finished, then it is done', () => {
    const bench = MachineBench.ready(1);
    bench.lease(makeLot({ count: 3 }));
    const effects = bench.tell({ type: 'drain' });
    expect(ofType(effects, 'release')[0]?.instances.positions).toHaveLength(2);
    expect(ofType(effects, 'drained')).toEqual([]);
    const last = bench.answer(0, 1);
    expect(ofType(last, 'report')).toHaveLength(1);
    expect(last.at(-1)).toEqual({ type: 'drained' });
    expect(granted(last)).toBe(0);
  });

  test('leases under way are awaited and given back', () => {
    const bench = MachineBench.ready(1);
    bench.tell({ type: 'assigned', count: 1, leases: 1 });
    expect(bench.tell({ type: 'drain' })).toEqual([]);
    const effects = bench.lease(makeLot());
    expect(effects.map((effect) => effect.type)).toEqual(['release', 'drained']);
  });

  test('nothing is spawned any more, and what a crash leaves goes back', () => {
    const bench = MachineBench.ready(1);
    const kinds = measured(bench, 2_000);
    bench.lease(makeLot({ count: 2, kinds }));
    bench.tell({ type: 'drain' });
    const effects = bench.exit(0, { code: 1 });
    expect(effects.map((effect) => effect.type)).toEqual(['crashed', 'release', 'drained']);
  });
});

test('disowned, it stops what runs and forgets everything', () => {
  const bench = MachineBench.ready(2);
  bench.tell({ type: 'assigned', count: 1, leases: 1 });
  bench.lease(makeLot({ count: 4 }));
  const effects = bench.tell({ type: 'disown' });
  expect(ofType(effects, 'kill')).toHaveLength(2);
  const after = [bench.exit(0, { signal: 'SIGKILL' }), bench.exit(1, { signal: 'SIGKILL' })].flat();
  expect(after.filter((effect) => effect.type !== 'grant').map((effect) => effect.type)).toEqual([
    'spawn',
    'spawn',
  ]);
  expect(bench.machine.state).toMatchObject({ inFlight: 0, leasing: 0 });
});
