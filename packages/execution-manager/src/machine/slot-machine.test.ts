import { ExecutorOutcome } from '@spider/core';
import { describe, expect, test } from 'vitest';
import { makeLot } from '../testing/make-lot.ts';
import type { InstanceLot } from './instance-lot.ts';
import { SlotMachine } from './slot-machine.ts';
import type { ProcessExit, ResponseBatch, SlotEffect, SlotEvent } from './slot-event.ts';
import { PIPE_COUNT_MAX } from './slot.ts';
import { InstanceKinds } from './instance-kind.ts';
import { validateState } from './validate-state.ts';

type WithoutTime<T> = T extends unknown ? Omit<T, 'nowUs'> : never;

/** A machine with a clock in the hand of the test, checked after each event. */
class Bench {
  readonly machine: SlotMachine;
  nowUs = 1_000_000;
  /** What it takes to hand over a request and its answer, in any case. */
  handOffUs = 1_000;

  constructor(slots: number) {
    this.machine = new SlotMachine({ slots, cancelGraceMs: 1_000, startTimeoutMs: 30_000 });
  }

  /** A machine whose executors are all up. */
  static ready(slots: number): Bench {
    const bench = new Bench(slots);
    bench.tell({ type: 'start' });
    for (let slot = 0; slot < slots; slot += 1) {
      bench.tell({ type: 'executor-started', slot, process: bench.processOf(slot) });
    }
    return bench;
  }

  tell(event: WithoutTime<SlotEvent>): readonly SlotEffect[] {
    const effects = this.machine.handle({ ...event, nowUs: this.nowUs });
    validateState(this.machine.state);
    return effects;
  }

  lease(lot: InstanceLot): readonly SlotEffect[] {
    return this.tell({
      type: 'leased',
      lot,
      answered: lot.taskIndexes.length,
      roundTripUs: 1_000,
    });
  }

  answer(slot: number, count: number, elapsedUs = 10): readonly SlotEffect[] {
    this.nowUs += this.handOffUs + count * elapsedUs;
    const responses: ResponseBatch = {
      count,
      outcomes: Array.from({ length: count }, () => ExecutorOutcome.Succeeded),
      elapsedUs: Array.from({ length: count }, () => elapsedUs),
      payloads: Array.from({ length: count }, () => new Uint8Array(4)),
    };
    return this.tell({ type: 'responses', slot, process: this.processOf(slot), responses });
  }

  exit(slot: number, exit: Partial<ProcessExit>): readonly SlotEffect[] {
    const whole = { code: undefined, signal: undefined, ...exit };
    return this.tell({
      type: 'executor-exited',
      slot,
      process: this.processOf(slot),
      exit: whole,
    });
  }

  pass(ms: number): readonly SlotEffect[] {
    this.nowUs += ms * 1000;
    return this.tell({ type: 'wake-up' });
  }

  processOf(slot: number): number {
    return this.machine.state.slots[slot]?.process ?? 0;
  }

  inPipe(slot: number): number {
    return this.machine.state.slots[slot]?.pipe.count ?? 0;
  }
}

const ofType = <T extends SlotEffect['type']>(
  effects: readonly SlotEffect[],
  type: T,
): Extract<SlotEffect, { readonly type: T }>[] =>
  effects.filter(
    (effect): effect is Extract<SlotEffect, { readonly type: T }> => effect.type === type,
  );

const positionsRun = (effects: readonly SlotEffect[]): number[] =>
  ofType(effects, 'execute').flatMap((effect) => effect.instances.positions);

const granted = (effects: readonly SlotEffect[]): number =>
  ofType(effects, 'grant').reduce((sum, effect) => sum + effect.credit, 0);

/** A kind of task that the machine has measured already. */
function measured(bench: Bench, elapsedUs: number): InstanceKinds {
  const kinds = new InstanceKinds();
  for (let i = 0; i < 20; i += 1) {
    bench.lease(makeLot({ kinds, instanceBase: BigInt(1000 + i) }));
    bench.answer(0, 1, elapsedUs);
  }
  return kinds;
}

describe('executors come up', () => {
  test('every slot gets a process, and work as soon as its process answers', () => {
    const bench = new Bench(2);
    const effects = bench.tell({ type: 'start' });
    expect(ofType(effects, 'spawn').map((effect) => effect.slot)).toEqual([0, 1]);
    expect(bench.lease(makeLot({ count: 1 }))).not.toContainEqual(
      expect.objectContaining({ type: 'execute' }),
    );
    const started = bench.tell({ type: 'executor-started', slot: 1, process: bench.processOf(1) });
    expect(started).toContainEqual(expect.objectContaining({ type: 'execute', slot: 1 }));
  });

  test('one that dies before it has answered is tried again later, and later still', () => {
    const bench = new Bench(1);
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
    const bench = Bench.ready(1);
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
    const bench = Bench.ready(1);
    bench.lease(makeLot());
    bench.answer(0, 1);
    expect(ofType(bench.exit(0, { code: 1 }), 'spawn')).toHaveLength(1);
  });

  test('one that never answers is killed', () => {
    const bench = new Bench(1);
    bench.tell({ type: 'start' });
    expect(bench.pass(29_999)).toEqual([]);
    expect(bench.pass(1)).toContainEqual(expect.objectContaining({ type: 'kill', slot: 0 }));
  });

  test('no work is asked for while no executor comes up', () => {
    const bench = new Bench(1);
    expect(granted(bench.tell({ type: 'start' }))).toBe(1);
    bench.tell({ type: 'credit-void' });
    bench.exit(0, { code: 1 });
    expect(granted(bench.tell({ type: 'credit-void' }))).toBe(0);
  });
});

describe('pipes', () => {
  test('a task of unknown length has its slot to itself', () => {
    const bench = Bench.ready(2);
    const effects = bench.lease(makeLot({ count: 5 }));
    expect(positionsRun(effects)).toEqual([0, 1]);
    expect([bench.inPipe(0), bench.inPipe(1)]).toEqual([1, 1]);
  });

  test('short tasks fill the pipe up to the limit, and again when it is half empty', () => {
    const bench = Bench.ready(1);
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
      const bench = Bench.ready(1);
      const kinds = measured(bench, elapsedUs);
      bench.lease(makeLot({ count: 20, kinds }));
      expect(bench.inPipe(0)).toBe(expected);
    }
  });

  test('where handing over takes little, a pipe is not filled with what others could run', () => {
    const bench = Bench.ready(1);
    bench.handOffUs = 60;
    const kinds = measured(bench, 1_000);
    bench.lease(makeLot({ count: 20, kinds }));
    expect(bench.inPipe(0)).toBe(1);
  });

  test('on a busy machine, where handing over takes long, pipes get deeper', () => {
    const bench = Bench.ready(2);
    bench.handOffUs = 60;
    const kinds = measured(bench, 200);
    bench.lease(makeLot({ count: 2_000, kinds }));
    expect(bench.inPipe(0)).toBe(3);
    bench.handOffUs = 20_000;
    for (let round = 0; round < 30; round += 1) bench.answer(0, bench.inPipe(0), 200);
    expect(bench.inPipe(0)).toBeGreaterThan(10);
  });

  test('a task that is interrupted for long does not make its like long', () => {
    const bench = Bench.ready(1);
    const kinds = measured(bench, 10);
    bench.lease(makeLot({ count: 1, kinds }));
    bench.answer(0, 1, 20_000);
    bench.lease(makeLot({ count: 200, kinds }));
    expect(bench.inPipe(0)).toBe(PIPE_COUNT_MAX);
  });

  test('a pipe takes no more than so many bytes, but always one task', () => {
    const bench = Bench.ready(1);
    const kinds = measured(bench, 5);
    const inputs = Array.from({ length: 3 }, () => new Uint8Array(3 * 1024 * 1024));
    bench.lease(makeLot({ kinds, inputs }));
    expect(bench.inPipe(0)).toBe(2);
  });

  test('a few short tasks are spread over all slots', () => {
    const bench = Bench.ready(4);
    const kinds = measured(bench, 5);
    bench.lease(makeLot({ count: 10, kinds }));
    expect([0, 1, 2, 3].map((slot) => bench.inPipe(slot)).join('')).toMatch(/^(2|3){4}$/);
  });

  test('answers belong to the oldest requests, in order', () => {
    const bench = Bench.ready(1);
    const kinds = measured(bench, 5);
    const lot = makeLot({ count: 4, kinds });
    bench.lease(lot);
    const [report] = ofType(bench.answer(0, 3), 'report');
    expect(report?.positions).toEqual([0, 1, 2]);
    expect(report?.lots).toEqual([lot, lot, lot]);
  });

  test('more answers than requests end the process; its request fails and says so', () => {
    const bench = Bench.ready(1);
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
    const bench = Bench.ready(1);
    bench.lease(makeLot());
    bench.nowUs += 70;
    const [failure] = ofType(bench.exit(0, exit), 'report-failure');
    expect(failure).toMatchObject({ position: 0, message, elapsedUs: 70 });
  });

  test('those behind it run again, in their order, before all others', () => {
    const bench = Bench.ready(1);
    const kinds = measured(bench, 2_000);
    bench.lease(makeLot({ count: 6, kinds }));
    expect(bench.inPipe(0)).toBe(4);
    const effects = bench.exit(0, { code: 1 });
    expect(ofType(effects, 'report-failure')).toHaveLength(1);
    expect(effects).toContainEqual(expect.objectContaining({ type: 'spawn', slot: 0 }));
    const again = bench.tell({ type: 'executor-started', slot: 0, process: bench.processOf(0) });
    expect(positionsRun(again)).toEqual([1, 2, 3, 4]);
  });

  test('they go to the other slots, which have room', () => {
    const bench = Bench.ready(2);
    const kinds = measured(bench, 2_000);
    bench.lease(makeLot({ count: 4, kinds }));
    const effects = bench.exit(0, { code: 1 });
    expect(ofType(effects, 'execute')).toMatchObject([{ slot: 1 }]);
    expect(bench.inPipe(1)).toBe(3);
  });

  test('what an earlier process of the slot still says is not heard', () => {
    const bench = Bench.ready(1);
    const process = bench.processOf(0);
    bench.lease(makeLot());
    bench.exit(0, { code: 1 });
    bench.tell({ type: 'executor-started', slot: 0, process: bench.processOf(0) });
    bench.lease(makeLot());
    const responses: ResponseBatch = {
      count: 1,
      outcomes: [ExecutorOutcome.Succeeded],
      elapsedUs: [1],
      payloads: [new Uint8Array(4)],
    };
    expect(bench.tell({ type: 'responses', slot: 0, process, responses })).toEqual([]);
    expect(bench.inPipe(0)).toBe(1);
  });
});

describe('hard timeout', () => {
  test('kills the process; the task fails with its limit, those behind it run again', () => {
    const bench = Bench.ready(1);
    const kinds = measured(bench, 2_000);
    bench.lease(makeLot({ count: 2, kinds, hardTimeoutMs: 200 }));
    expect(bench.pass(199)).toEqual([]);
    expect(bench.pass(1)).toContainEqual(expect.objectContaining({ type: 'kill' }));
    const [failure] = ofType(bench.exit(0, { signal: 'SIGKILL' }), 'report-failure');
    expect(failure).toMatchObject({ position: 0, message: 'hard timeout (200 ms) exceeded' });
    const again = bench.tell({ type: 'executor-started', slot: 0, process: bench.processOf(0) });
    expect(positionsRun(again)).toEqual([1]);
  });

  test('of a task behind another starts when the answer before it has arrived', () => {
    const bench = Bench.ready(1);
    const kinds = measured(bench, 2_000);
    bench.lease(makeLot({ count: 2, kinds, hardTimeoutMs: 200 }));
    bench.pass(150);
    bench.answer(0, 1, 2_000);
    expect(ofType(bench.pass(199), 'kill')).toEqual([]);
    expect(ofType(bench.pass(1), 'kill')).toHaveLength(1);
  });

  test('an answer that comes after the kill does not count', () => {
    const bench = Bench.ready(1);
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
    const bench = Bench.ready(1);
    bench.lease(makeLot({ count: 3 }));
    const effects = bench.tell(cancelled(1));
    expect(ofType(effects, 'release')).toEqual([]);
    expect(positionsRun(bench.answer(0, 1))).toEqual([2]);
  });

  test('instances are known by their id, whatever base they are counted from', () => {
    const bench = Bench.ready(1);
    bench.lease(makeLot({ count: 3, instanceBase: 2n ** 40n }));
    bench.tell({ ...cancelled(3), instanceBase: 2n ** 40n - 2n });
    bench.tell({ ...cancelled(2), jobId: 2n, instanceBase: 2n ** 40n });
    expect(positionsRun(bench.answer(0, 1))).toEqual([2]);
  });

  test('the result of what is in a pipe is dropped', () => {
    const bench = Bench.ready(1);
    const kinds = measured(bench, 5);
    const lot = makeLot({ count: 3, kinds });
    bench.lease(lot);
    bench.tell(cancelled(1));
    const [report] = ofType(bench.answer(0, 3), 'report');
    expect(report?.lots).toEqual([lot, undefined, lot]);
  });

  test('what runs is killed after the grace period, and nothing is said of it', () => {
    const bench = Bench.ready(1);
    bench.lease(makeLot({ count: 1 }));
    bench.tell(cancelled(0));
    expect(ofType(bench.pass(999), 'kill')).toEqual([]);
    expect(ofType(bench.pass(1), 'kill')).toHaveLength(1);
    const effects = bench.exit(0, { signal: 'SIGKILL' });
    expect(effects).not.toContainEqual(expect.objectContaining({ type: 'report-failure' }));
    expect(bench.machine.state.inFlight).toBe(0);
  });

  test('what comes to be run only later has the grace period from then on', () => {
    const bench = Bench.ready(1);
    const kinds = measured(bench, 2_000);
    bench.lease(makeLot({ count: 2, kinds }));
    bench.tell(cancelled(1));
    bench.pass(900);
    bench.answer(0, 1, 2_000);
    expect(ofType(bench.pass(999), 'kill')).toEqual([]);
    expect(ofType(bench.pass(1), 'kill')).toHaveLength(1);
  });
});

describe('asking for work', () => {
  test('one task a slot as long as nothing is known', () => {
    const bench = new Bench(3);
    expect(granted(bench.tell({ type: 'start' }))).toBe(3);
  });

  test('enough short tasks to fill the pipes and to bridge a round trip', () => {
    const bench = Bench.ready(2);
    measured(bench, 10);
    expect(bench.machine.state.credit).toBeGreaterThan(2 * PIPE_COUNT_MAX);
    expect(bench.machine.state.credit).toBeLessThanOrEqual(6 * PIPE_COUNT_MAX);
  });

  test('no more than there are slots when tasks are long', () => {
    const bench = new Bench(2);
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
    const long = Bench.ready(2);
    const kinds = measured(long, 100_000);
    long.tell({ type: 'assigned', count: 2, leases: 2 });
    long.lease(makeLot({ count: 2, kinds }));
    expect(granted(long.answer(0, 1, 100_000))).toBe(1);

    const short = Bench.ready(2);
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
    const bench = Bench.ready(2);
    bench.tell({ type: 'assigned', count: 2, leases: 2 });
    expect(granted(bench.tell({ type: 'refused', count: 2 }))).toBe(2);
  });

  test('nothing while too many reports wait, as before when they are gone', () => {
    const bench = Bench.ready(1);
    bench.tell({ type: 'backlog', full: true });
    expect(granted(bench.tell({ type: 'credit-void' }))).toBe(0);
    expect(granted(bench.tell({ type: 'backlog', full: false }))).toBe(1);
  });
});

describe('too much work', () => {
  test('a queue that no slot takes from is given back', () => {
    const bench = Bench.ready(1);
    bench.lease(makeLot({ count: 3 }));
    expect(ofType(bench.pass(249), 'release')).toEqual([]);
    const [released] = ofType(bench.pass(1), 'release');
    expect(released?.instances.positions.toSorted()).toEqual([1, 2]);
    expect(bench.inPipe(0)).toBe(1);
  });

  test('more than half a second of work a slot is given back once that is known', () => {
    const bench = Bench.ready(2);
    const kinds = new InstanceKinds();
    bench.lease(makeLot({ count: 100, kinds }));
    const [released] = ofType(bench.answer(0, 1, 50_000), 'release');
    expect(released?.instances.lots.length).toBeGreaterThan(90);
  });

  test('credit for short tasks is taken back when tasks turn out to be long', () => {
    const bench = Bench.ready(1);
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
    const bench = Bench.ready(1);
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
    const bench = Bench.ready(1);
    bench.tell({ type: 'assigned', count: 1, leases: 1 });
    expect(bench.tell({ type: 'drain' })).toEqual([]);
    const effects = bench.lease(makeLot());
    expect(effects.map((effect) => effect.type)).toEqual(['release', 'drained']);
  });

  test('nothing is spawned any more, and what a crash leaves goes back', () => {
    const bench = Bench.ready(1);
    const kinds = measured(bench, 2_000);
    bench.lease(makeLot({ count: 2, kinds }));
    bench.tell({ type: 'drain' });
    const effects = bench.exit(0, { code: 1 });
    expect(effects.map((effect) => effect.type)).toEqual([
      'report-failure',
      'crashed',
      'release',
      'drained',
    ]);
  });
});

test('disowned, it stops what runs and forgets everything', () => {
  const bench = Bench.ready(2);
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
