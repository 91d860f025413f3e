import { strict as assert } from 'node:assert';
import { ExecutorOutcome } from '@spider/core';
import { InstanceKinds } from '../src/machine/instance-kind.ts';
import type { InstanceLot } from '../src/machine/instance-lot.ts';
import { packPayloads } from '../src/machine/payload-ranges.ts';
import type { SlotEffect, SlotEvent } from '../src/machine/slot-event.ts';
import { SlotMachine } from '../src/machine/slot-machine.ts';
import { PIPE_COUNT_MAX } from '../src/machine/slot.ts';
import { validateState } from '../src/machine/validate-state.ts';
import { makeLot } from '../src/testing/make-lot.ts';

type Place = 'waiting' | 'in a pipe' | 'reported' | 'failed' | 'released' | 'dropped' | 'forgotten';

interface Instance {
  readonly lot: InstanceLot;
  readonly position: number;
  place: Place;
  isCancelled: boolean;
  /** Whether it was in the pipe of a process that ended by itself, among others. */
  isSuspect: boolean;
}

interface Process {
  readonly slot: number;
  readonly process: number;
  isUp: boolean;
  isKilled: boolean;
  hasGrown: boolean;
  readonly hasExtensions: boolean;
  pipe: Instance[];
  answered: number;
  /** What was in the pipe each time requests were asked back and it has not said anything since. */
  readonly asked: Instance[][];
}

const HELD_PER_SLOT_MAX = 3 * PIPE_COUNT_MAX;

/** What a person with a pencil would write down while watching the machine. */
export class SlotMachineModel {
  readonly machine: SlotMachine;
  readonly instances: Instance[] = [];
  readonly alive = new Map<number, Process>();
  readonly kinds = new InstanceKinds();
  nowUs = 0;
  credit = 0;
  isDraining = false;
  timesDrained = 0;
  readonly #tasksMax: number | undefined;

  /** @param tasksMax requests that a process gets. */
  constructor(slots: number, tasksMax?: number) {
    this.#tasksMax = tasksMax;
    this.machine = new SlotMachine({
      slots,
      cancelGraceMs: 500,
      startTimeoutMs: 5_000,
      recycleAfterTasks: tasksMax,
    });
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
    const { hasExtensions } = process;
    this.tell({ type: 'executor-started', hasExtensions, ...this.#from(process) });
  }

  /** Gives back a share of what was asked back and is still there; the first may have begun. */
  giveBack(process: Process, share: number): void {
    if (process.isKilled) return;
    const asked = process.asked.shift();
    if (asked === undefined) return;
    const there = process.pipe.filter((instance) => asked.includes(instance)).length;
    const count = Math.floor(there * share);
    const givenBack = process.pipe.splice(process.pipe.length - count, count);
    for (const instance of givenBack) instance.place = instance.isCancelled ? 'dropped' : 'waiting';
    this.tell({ type: 'given-back', count, ...this.#from(process) });
    assert.equal(process.isKilled, false);
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
        payloads: packPayloads(answered.map(() => new Uint8Array(4))),
      },
    });
  }

  exit(process: Process): void {
    this.alive.delete(process.slot);
    const { pipe } = process;
    const culprit = pipe.length === 1 && pipe[0]?.isCancelled === false ? pipe[0] : undefined;
    for (const instance of pipe) {
      instance.place = instance.isCancelled ? 'dropped' : 'waiting';
      if (pipe.length > 1 && !process.isKilled) instance.isSuspect = true;
    }
    const failedBefore = this.count('failed');
    this.tell({
      type: 'executor-exited',
      ...this.#from(process),
      exit: { code: 1, signal: undefined },
    });
    if (culprit !== undefined) assert.equal(culprit.place, 'failed');
    assert.equal(this.count('failed') - failedBefore, culprit === undefined ? 0 : 1);
  }

  grow(process: Process): void {
    process.hasGrown ||= process.isUp && !process.isKilled;
    this.tell({ type: 'executor-grown', ...this.#from(process) });
  }

  breakDown(process: Process): void {
    if (process.isKilled) return;
    this.tell({ type: 'executor-broken', ...this.#from(process), reason: 'nonsense' });
    assert.ok(process.isKilled);
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
      this.instances.push({
        lot,
        position,
        place: 'waiting',
        isCancelled: false,
        isSuspect: false,
      });
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
    assert.equal(this.isBusy, false);
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
    assert.equal(instance?.lot, lot);
    return instance;
  }

  #observe(effect: SlotEffect): void {
    switch (effect.type) {
      case 'spawn':
        assert.equal(this.alive.has(effect.slot), false);
        assert.equal(this.isDraining, false);
        this.alive.set(effect.slot, {
          ...effect,
          isUp: false,
          isKilled: false,
          hasGrown: false,
          hasExtensions: effect.process % 3 !== 0,
          pipe: [],
          answered: 0,
          asked: [],
        });
        return;
      case 'retire':
        assert.deepEqual(this.#process(effect).pipe, []);
        assert.equal(this.isDraining, false);
        this.#process(effect).isKilled = true;
        return;
      case 'kill': {
        const process = this.#process(effect);
        assert.equal(process.isKilled, false);
        process.isKilled = true;
        return;
      }
      case 'execute': {
        const process = this.#process(effect);
        assert.ok(process.isUp && !process.isKilled);
        effect.instances.lots.forEach((lot, i) => {
          const instance = this.#find(lot, effect.instances.positions[i] ?? -1);
          this.#move(instance, 'waiting', 'in a pipe');
          process.pipe.push(instance);
        });
        if (process.pipe.length > 1) assert.ok(process.pipe.every(({ isSuspect }) => !isSuspect));
        assert.ok(process.answered + process.pipe.length <= (this.#tasksMax ?? Infinity));
        assert.equal(process.hasGrown, false);
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
          assert.equal(instance?.position, position);
          if (instance === undefined || process === undefined) return;
          process.answered += 1;
          assert.equal(effect.lots[i], instance.isCancelled ? undefined : instance.lot);
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
        assert.ok(effect.credit > 0);
        assert.equal(this.isDraining, false);
        this.credit += effect.credit;
        assert.ok(this.held <= this.machine.state.slots.length * HELD_PER_SLOT_MAX);
        return;
      case 'drained':
        this.timesDrained += 1;
        assert.ok(this.isDraining);
        return;
      case 'ask-back': {
        const process = this.#process(effect);
        assert.ok(process.isUp && !process.isKilled && process.hasExtensions);
        process.asked.push([...process.pipe]);
        return;
      }
      case 'cancel-requests': {
        const process = this.#process(effect);
        for (const request of effect.requests) {
          assert.equal(process.pipe[request - process.answered]?.isCancelled, true);
        }
        return;
      }
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
    assert.equal(process?.process, effect.process);
    return process;
  }

  #move(instance: Instance, from: Place, to: Place): void {
    assert.equal(instance.place, from);
    instance.place = to;
  }
}
