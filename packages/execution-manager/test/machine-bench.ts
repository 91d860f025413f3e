import { ExecutorOutcome } from '@spider/core';
import { InstanceKinds } from '../src/machine/instance-kind.ts';
import type { InstanceLot } from '../src/machine/instance-lot.ts';
import { packPayloads } from '../src/machine/payload-ranges.ts';
import type {
  ProcessExit,
  ResponseBatch,
  SlotEffect,
  SlotEvent,
} from '../src/machine/slot-event.ts';
import { SlotMachine } from '../src/machine/slot-machine.ts';
import { validateState } from '../src/machine/validate-state.ts';
import { type LotFixture, makeLot } from '../src/testing/make-lot.ts';

type WithoutTime<T> = T extends unknown ? Omit<T, 'nowUs'> : never;

/** A machine with a clock in the hand of the test, checked after each event. */
export class MachineBench {
  readonly machine: SlotMachine;
  nowUs = 1_000_000;
  /** What it takes to hand over a request and its answer, in any case. */
  handOffUs = 1_000;

  /** @param recycleAfterTasks requests that a process gets. */
  constructor(slots: number, recycleAfterTasks?: number) {
    this.machine = new SlotMachine({
      slots,
      cancelGraceMs: 1_000,
      startTimeoutMs: 30_000,
      recycleAfterTasks,
    });
  }

  /** A machine whose executors are all up. */
  static ready(slots: number, hasExtensions = false): MachineBench {
    const bench = new MachineBench(slots);
    bench.tell({ type: 'start' });
    for (let slot = 0; slot < slots; slot += 1) {
      bench.start(slot, hasExtensions);
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
      payloads: packPayloads(Array.from({ length: count }, () => new Uint8Array(4))),
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

  /** The slot's process comes up. */
  start(slot: number, hasExtensions = false): readonly SlotEffect[] {
    const process = this.processOf(slot);
    return this.tell({ type: 'executor-started', slot, process, hasExtensions });
  }

  giveBack(slot: number, count: number): readonly SlotEffect[] {
    return this.tell({ type: 'given-back', slot, process: this.processOf(slot), count });
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

export const ofType = <T extends SlotEffect['type']>(
  effects: readonly SlotEffect[],
  type: T,
): Extract<SlotEffect, { readonly type: T }>[] =>
  effects.filter(
    (effect): effect is Extract<SlotEffect, { readonly type: T }> => effect.type === type,
  );

export const positionsRun = (effects: readonly SlotEffect[]): number[] =>
  ofType(effects, 'execute').flatMap((effect) => effect.instances.positions);

export const granted = (effects: readonly SlotEffect[]): number =>
  ofType(effects, 'grant').reduce((sum, effect) => sum + effect.credit, 0);

/** A kind of task that the machine has measured already. */
export function measured(
  bench: MachineBench,
  elapsedUs: number,
  options: Pick<LotFixture, 'hardTimeoutMs'> = {},
): InstanceKinds {
  const kinds = new InstanceKinds();
  for (let i = 0; i < 20; i += 1) {
    bench.lease(makeLot({ ...options, kinds, instanceBase: BigInt(1000 + i) }));
    bench.answer(0, 1, elapsedUs);
  }
  return kinds;
}
