import { assert } from '@spider/core';
import { cancel, disown } from './cancellation.ts';
import { drain, reportDrained } from './draining.ts';
import { takeBack } from './given-back.ts';
import type { InstanceList } from './instance-lot.ts';
import { measureRoundTrip, regulateIntake } from './intake.ts';
import {
  initialState,
  type MachineState,
  type SlotMachineOptions,
  type Step,
} from './machine-state.ts';
import { enqueue } from './pipes.ts';
import {
  breakExecutor,
  executorExited,
  executorStarted,
  retireIfDue,
  spawnExecutor,
  wakeUp,
} from './processes.ts';
import { takeResponses } from './responses.ts';
import type { SlotEffect, SlotEvent } from './slot-event.ts';
import type { Slot } from './slot.ts';

/**
 * Decides for one execution manager which instance runs in which executor process, how many lie in
 * a process's pipe, when a process has to die, and how much work is asked for. Pure: it reads no
 * clock and does nothing but answer an event with the effects that are to be carried out, in order.
 *
 * Its invariants are numbered in `validate-state.ts`.
 */
export class SlotMachine {
  readonly #state: MachineState;

  constructor(options: SlotMachineOptions) {
    assert(options.slots >= 1, 'an execution manager has at least one slot');
    this.#state = initialState(options);
  }

  /** For tests and for reading figures; whoever changes it breaks the machine. */
  get state(): Readonly<MachineState> {
    return this.#state;
  }

  /** When a wake-up event is due: Infinity if never. A later event may move it either way. */
  get wakeUpAtUs(): number {
    return this.#state.wakeUpAtUs;
  }

  /** All instances that wait or run and whose results are wanted. */
  held(): InstanceList {
    const { queue, slots } = this.#state;
    const held: InstanceList = { lots: [], positions: [] };
    for (const ring of [queue, ...slots.map((slot) => slot.pipe)]) {
      for (let index = 0; index < ring.count; index += 1) {
        if (ring.isCancelledAt(index)) continue;
        held.lots.push(ring.lotAt(index));
        held.positions.push(ring.positionAt(index));
      }
    }
    return held;
  }

  handle(event: SlotEvent): readonly SlotEffect[] {
    const step: Step = { state: this.#state, nowUs: event.nowUs, effects: [] };
    apply(step, event);
    regulateIntake(step);
    reportDrained(step);
    return step.effects;
  }
}

function apply(step: Step, event: SlotEvent): void {
  const { state } = step;
  switch (event.type) {
    case 'start':
      for (const slot of state.slots) spawnExecutor(step, slot);
      return;
    case 'executor-started':
    case 'responses':
    case 'given-back':
    case 'executor-broken':
    case 'executor-grown':
    case 'executor-exited': {
      const slot = state.slots[event.slot];
      assert(slot !== undefined, 'there is such a slot');
      if (slot.process === event.process && slot.state !== 'waiting') {
        applyToSlot(step, slot, event);
      }
      return;
    }
    case 'assigned':
      state.credit = Math.max(0, state.credit - event.count);
      state.leasing += event.leases;
      return;
    case 'leased':
      state.leasing = Math.max(0, state.leasing - event.answered);
      if (event.roundTripUs !== undefined) measureRoundTrip(state, event.roundTripUs);
      enqueue(step, event.lot);
      return;
    case 'refused':
      state.leasing = Math.max(0, state.leasing - event.count);
      return;
    case 'credit-void':
      state.credit = 0;
      state.isWithdrawing = false;
      return;
    case 'cancel':
      cancel(step, event);
      return;
    case 'backlog':
      state.isBacklogged = event.full;
      return;
    case 'disown':
      disown(step);
      return;
    case 'drain':
      drain(step);
      return;
    case 'wake-up':
      wakeUp(step);
      return;
    default:
      event satisfies never;
  }
}

function applyToSlot(
  step: Step,
  slot: Slot,
  event: Extract<SlotEvent, { readonly slot: number }>,
): void {
  switch (event.type) {
    case 'executor-started':
      executorStarted(step, slot, event.hasExtensions === true);
      return;
    case 'responses':
      takeResponses(step, slot, event.responses);
      return;
    case 'given-back':
      takeBack(step, slot, event.count);
      return;
    case 'executor-broken':
      breakExecutor(step, slot, event.reason);
      return;
    case 'executor-grown':
      if (slot.state === 'ready') slot.isRetiring = true;
      retireIfDue(step, slot);
      return;
    case 'executor-exited':
      executorExited(step, slot, event.exit);
      return;
    default:
      event satisfies never;
  }
}
