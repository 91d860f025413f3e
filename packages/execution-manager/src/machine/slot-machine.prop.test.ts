import { ExecutorOutcome } from '@spider/core';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { makeLot } from '../testing/make-lot.ts';
import type { InstanceLot } from './instance-lot.ts';
import { SlotMachine } from './slot-machine.ts';
import type { SlotEffect, SlotEvent } from './slot-event.ts';
import { PIPE_COUNT_MAX } from './slot.ts';
import { InstanceKinds } from './instance-kind.ts';
import { validateState } from './validate-state.ts';

type Place = 'waiting' | 'in a pipe' | 'reported' | 'failed' | 'released' | 'dropped' | 'forgotten';

interface Instance {
  readonly lot: InstanceLot;
  readonly position: number;
  place: Place;
  isCancelled: boolean;
}

interface Process {
  readonly slot: number;
  readonly process: number;
  isUp: boolean;
  isKilled: boolean;
  pipe: Instance[];
}

const HELD_PER_SLOT_MAX = 2 * PIPE_COUNT_MAX;

/** What a person with a pencil would write down while watching the machine. */
class Model {
  readonly machine: SlotMachine;
  readonly instances: Instance[] = [];
  readonly alive = new Map<number, Process>();
  readonly kinds = new InstanceKinds();
  nowUs = 0;
  credit = 0;
  isDraining = false;
  timesDrained = 0;

  constructor(slots: number) {
    this.machine = new SlotMachine({ slots, cancelGraceMs: 500, startTimeoutMs: 5_000 });
    this.tell({ type: 'start', nowUs: 0 });
  }

  tell(event: SlotEvent): void {
    const effects = this.machine.handle(event);
    for (const effect of effects) this.#observe(effect);
    validateState(this.machine.state);
  }

  byIndex(index: number): Process | undefined {
    const processes = [...this.alive.values()];
    return processes[index % Math.max(1, processes.length)];
  }

  start(process: Process): void {
    if (process.isUp) return;
    process.isUp = true;
    this.tell({ type: 'executor-started', ...this.#from(process) });
  }

  answer(process: Process, count: number, elapsedUs: number): void {
    if (!process.isUp || process.isKilled || process.pipe.length === 0) return;
    const answered = process.pipe.slice(0, Math.max(1, Math.min(count, process.pipe.length)));
    this.nowUs += elapsedUs * answered.length;
    const numbers = answered.map(() => elapsedUs);
    this.tell({
      type: 'responses',
      ...this.#from(process),
      responses: {
        count: answered.length,
        outcomes: answered.map(() => ExecutorOutcome.Succeeded),
        elapsedUs: numbers,
        payloads: answered.map(() => new Uint8Array(4)),
      },
    });
  }

  exit(process: Process): void {
    this.alive.delete(process.slot);
    const [head, ...behind] = process.pipe;
    for (const instance of behind) instance.place = instance.isCancelled ? 'dropped' : 'waiting';
    if (head !== undefined) head.place = head.isCancelled ? 'dropped' : 'waiting';
    const failedBefore = this.count('failed');
    this.tell({
      type: 'executor-exited',
      ...this.#from(process),
      exit: { code: 1, signal: undefined },
    });
    if (head !== undefined) expect(head.place).toBe(head.isCancelled ? 'dropped' : 'failed');
    expect(this.count('failed') - failedBefore).toBe(head?.place === 'failed' ? 1 : 0);
  }

  breakDown(process: Process): void {
    if (process.isKilled) return;
    this.tell({ type: 'executor-broken', ...this.#from(process), reason: 'nonsense' });
    expect(process.isKilled).toBe(true);
  }

  assign(share: number): void {
    const count = Math.floor(this.credit * share);
    this.credit -= count;
    if (count > 0) this.tell({ type: 'assigned', nowUs: this.nowUs, count, leases: count });
  }

  answerLeases(share: number, functionName: string): void {
    const count = Math.ceil(this.machine.state.leasing * share);
    if (count > 0) this.lease(count, functionName);
  }

  lease(count: number, functionName: string): void {
    const lot = makeLot({
      count,
      functionName,
      kinds: this.kinds,
      instanceBase: BigInt(this.instances.length),
      hardTimeoutMs: 1_000,
    });
    for (let position = 0; position < count; position += 1) {
      this.instances.push({ lot, position, place: 'waiting', isCancelled: false });
    }
    this.tell({ type: 'leased', nowUs: this.nowUs, lot, answered: count, roundTripUs: 700 });
  }

  cancel(from: number, count: number): void {
    const meant = this.instances.slice(from, from + count);
    for (const instance of meant) {
      if (instance.place === 'waiting') instance.place = 'dropped';
      instance.isCancelled = true;
    }
    this.tell({
      type: 'cancel',
      nowUs: this.nowUs,
      jobId: 1n,
      instanceBase: 0n,
      instanceOffsets: meant.map((instance) => this.instances.indexOf(instance)),
    });
  }

  disown(): void {
    for (const instance of this.instances) {
      if (instance.place === 'waiting') instance.place = 'forgotten';
      if (instance.place === 'in a pipe') instance.isCancelled = true;
    }
    this.tell({ type: 'disown', nowUs: this.nowUs });
  }

  /** Nothing goes wrong any more: everything that is held comes to an end. */
  settle(): void {
    for (let round = 0; round < 10_000 && this.isBusy; round += 1) {
      for (const process of this.alive.values()) {
        if (process.isKilled) this.exit(process);
        else if (process.isUp) this.answer(process, process.pipe.length, 50);
        else this.start(process);
      }
      const { wakeUpAtUs } = this.machine;
      if (wakeUpAtUs < Infinity && this.alive.size < this.machine.state.slots.length) {
        this.nowUs = Math.max(this.nowUs, wakeUpAtUs);
        this.tell({ type: 'wake-up', nowUs: this.nowUs });
      }
    }
    expect(this.isBusy).toBe(false);
  }

  get isBusy(): boolean {
    return this.count('waiting') + this.count('in a pipe') > 0;
  }

  get held(): number {
    const { leasing } = this.machine.state;
    return this.credit + leasing + this.count('waiting') + this.count('in a pipe');
  }

  count(place: Place): number {
    return this.instances.filter((instance) => instance.place === place).length;
  }

  #from(process: Process): { nowUs: number; slot: number; process: number } {
    return { nowUs: this.nowUs, slot: process.slot, process: process.process };
  }

  #find(lot: InstanceLot, position: number): Instance {
    const instance = this.instances[Number(lot.instanceBase) + position];
    expect(instance?.lot).toBe(lot);
    return instance as Instance;
  }

  #observe(effect: SlotEffect): void {
    switch (effect.type) {
      case 'spawn':
        expect(this.alive.has(effect.slot)).toBe(false);
        expect(this.isDraining).toBe(false);
        this.alive.set(effect.slot, { ...effect, isUp: false, isKilled: false, pipe: [] });
        return;
      case 'kill': {
        const process = this.#process(effect);
        expect(process.isKilled).toBe(false);
        process.isKilled = true;
        return;
      }
      case 'execute': {
        const process = this.#process(effect);
        expect(process.isUp && !process.isKilled).toBe(true);
        effect.instances.lots.forEach((lot, i) => {
          const instance = this.#find(lot, effect.instances.positions[i] ?? -1);
          this.#move(instance, 'waiting', 'in a pipe');
          process.pipe.push(instance);
        });
        return;
      }
      case 'report': {
        const process = [...this.alive.values()].find(({ pipe }) => {
          const [head] = pipe;
          const [lot] = effect.lots;
          return (
            head !== undefined &&
            head.position === effect.positions[0] &&
            (lot === undefined ? head.isCancelled : head.lot === lot)
          );
        });
        effect.positions.forEach((position, i) => {
          const instance = process?.pipe.shift();
          expect(instance?.position).toBe(position);
          if (instance === undefined) return;
          expect(effect.lots[i]).toBe(instance.isCancelled ? undefined : instance.lot);
          this.#move(instance, 'in a pipe', instance.isCancelled ? 'dropped' : 'reported');
        });
        return;
      }
      case 'report-failure':
        this.#move(this.#find(effect.lot, effect.position), 'waiting', 'failed');
        return;
      case 'release':
        effect.instances.lots.forEach((lot, i) => {
          const instance = this.#find(lot, effect.instances.positions[i] ?? -1);
          this.#move(instance, 'waiting', 'released');
        });
        return;
      case 'grant':
        expect(effect.credit).toBeGreaterThan(0);
        expect(this.isDraining).toBe(false);
        this.credit += effect.credit;
        expect(this.held).toBeLessThanOrEqual(this.machine.state.slots.length * HELD_PER_SLOT_MAX);
        return;
      case 'drained':
        this.timesDrained += 1;
        expect(this.isDraining).toBe(true);
        return;
      case 'withdraw-credit':
      case 'start-failed':
      case 'crashed':
        return;
      default:
        effect satisfies never;
    }
  }

  #process(effect: { readonly slot: number; readonly process: number }): Process {
    const process = this.alive.get(effect.slot);
    expect(process?.process).toBe(effect.process);
    return process as Process;
  }

  #move(instance: Instance, from: Place, to: Place): void {
    expect(instance.place).toBe(from);
    instance.place = to;
  }
}

const share = fc.double({ min: 0, max: 1, noNaN: true });
const functionName = fc.constantFrom('f', 'g');
const which = fc.nat(7);

/** What may happen, each as a thing to do to the model. */
const happening: fc.Arbitrary<(model: Model) => void> = fc.oneof(
  { weight: 6, arbitrary: share.map((s) => (model: Model) => model.assign(s)) },
  {
    weight: 6,
    arbitrary: fc.tuple(share, functionName).map(
      ([s, name]) =>
        (model: Model) =>
          model.answerLeases(s, name),
    ),
  },
  {
    weight: 2,
    arbitrary: fc.tuple(fc.integer({ min: 1, max: 300 }), functionName).map(
      ([count, name]) =>
        (model: Model) =>
          model.lease(count, name),
    ),
  },
  {
    weight: 12,
    arbitrary: fc
      .tuple(which, fc.integer({ min: 1, max: 128 }), fc.constantFrom(5, 40, 3_000, 300_000))
      .map(([index, count, elapsedUs]) => (model: Model) => {
        const process = model.byIndex(index);
        if (process?.isUp === false) model.start(process);
        else if (process !== undefined) model.answer(process, count, elapsedUs);
      }),
  },
  {
    weight: 2,
    arbitrary: which.map((index) => (model: Model) => {
      const process = model.byIndex(index);
      if (process !== undefined) model.exit(process);
    }),
  },
  {
    weight: 1,
    arbitrary: which.map((index) => (model: Model) => {
      const process = model.byIndex(index);
      if (process !== undefined) model.breakDown(process);
    }),
  },
  {
    weight: 3,
    arbitrary: fc.integer({ min: 1, max: 1_500_000 }).map((us) => (model: Model) => {
      model.nowUs += us;
      model.tell({ type: 'wake-up', nowUs: model.nowUs });
    }),
  },
  {
    weight: 2,
    arbitrary: fc.tuple(fc.nat(2_000), fc.integer({ min: 1, max: 50 })).map(
      ([from, count]) =>
        (model: Model) =>
          model.cancel(from, count),
    ),
  },
  {
    weight: 1,
    arbitrary: share.map((s) => (model: Model) => {
      const count = Math.floor(model.machine.state.leasing * s);
      model.tell({ type: 'refused', nowUs: model.nowUs, count });
    }),
  },
  {
    weight: 1,
    arbitrary: fc.constant((model: Model) => {
      model.credit = 0;
      model.tell({ type: 'credit-void', nowUs: model.nowUs });
    }),
  },
  {
    weight: 1,
    arbitrary: fc.boolean().map((full) => (model: Model) => {
      model.tell({ type: 'backlog', nowUs: model.nowUs, full });
    }),
  },
  { weight: 1, arbitrary: fc.constant((model: Model) => model.disown()) },
);

test('whatever happens, each instance is run in turn and comes to exactly one end', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 4 }),
      fc.array(happening, { maxLength: 120 }),
      (slots, happenings) => {
        const model = new Model(slots);
        for (const happen of happenings) happen(model);
        model.settle();
      },
    ),
    { numRuns: 300 },
  );
});

test('drained at any moment, it gives back or finishes all it holds, and says so once', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 4 }),
      fc.array(happening, { maxLength: 60 }),
      fc.array(happening, { maxLength: 20 }),
      (slots, before, after) => {
        const model = new Model(slots);
        for (const happen of before) happen(model);
        model.isDraining = true;
        model.credit = 0;
        model.tell({ type: 'drain', nowUs: model.nowUs });
        for (const happen of after) happen(model);
        model.settle();
        const { leasing } = model.machine.state;
        model.tell({ type: 'refused', nowUs: model.nowUs, count: leasing });
        expect(model.timesDrained).toBe(1);
      },
    ),
    { numRuns: 300 },
  );
});
