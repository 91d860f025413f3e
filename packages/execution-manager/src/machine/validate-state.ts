import { assert } from '@spider/core';
import { inputLengthAt, kindAt } from './instance-lot.ts';
import type { MachineState } from './machine-state.ts';
import { PIPE_COUNT_MAX, type Slot } from './slot.ts';

/**
 * The invariants of the slot machine.
 *
 * I1. Only a slot that is ready or being killed has requests in its pipe.
 * I2. No pipe holds more than PIPE_COUNT_MAX requests, and each knows what it holds in work and
 *     bytes.
 * I3. `inFlight` is the number of requests in all pipes, `failing` that of the slots whose last
 *     process did not come up.
 * I4. No instance is in two places.
 * I5. While instances wait in the queue no ready slot's pipe is low; while a suspect comes first
 *     there, no ready slot's pipe is empty.
 * I6. A ready slot that runs something has a deadline no later than the hard timeout; one that runs
 *     nothing has none. A starting slot has one; a waiting slot has one unless nothing was started
 *     yet or the machine drains.
 * I7. The machine asks to be woken no later than the first deadline, and than what runs becomes slow.
 * I8. Credit and leases under way are not negative. While the machine drains there is no credit and
 *     nothing waits.
 * I9. A cancelled instance does not wait in the queue.
 * I10. A slot that is trying a suspect has one request in its pipe.
 * I11. A pipe that is held up is not empty, and only one of a process with extensions is asked back.
 */
export function validateState(state: Readonly<MachineState>): void {
  for (const slot of state.slots) validateSlot(state, slot);
  validateCounts(state);
  validateUniqueness(state);
  for (let index = 0; index < state.queue.count; index += 1) {
    assert(!state.queue.isCancelledAt(index), 'I9: a cancelled instance waits');
  }
}

function validateSlot(state: Readonly<MachineState>, slot: Slot): void {
  const { pipe } = slot;
  const holds = slot.state === 'ready' || slot.state === 'killing';
  assert(holds || pipe.count === 0, `I1: slot ${slot.index} is ${slot.state} with requests`);
  assert(pipe.count <= PIPE_COUNT_MAX, `I2: slot ${slot.index} holds too many requests`);
  let workUs = 0;
  let bytes = 0;
  for (let index = 0; index < pipe.count; index += 1) {
    workUs += pipe.workUsAt(index);
    bytes += inputLengthAt(pipe.lotAt(index), pipe.positionAt(index));
  }
  assert(workUs === slot.workUs && bytes === slot.bytes, `I2: slot ${slot.index} has lost count`);
  assert(
    state.queue.count === 0 || !slot.isLow(state.pipeWorkUs, state.queue.isSuspectAt(0)),
    `I5: slot ${slot.index} is left idle`,
  );
  assert(!slot.isTrying || pipe.count <= 1, `I10: slot ${slot.index} tries more than one`);
  const mayAsk = slot.hasExtensions || slot.holdup !== 'asked';
  const isHeldUp = slot.holdup !== 'no' && slot.state !== 'killing';
  assert(mayAsk && (!isHeldUp || pipe.count > 0), `I11: slot ${slot.index} is held up by nothing`);
  validateDeadline(state, slot);
}

function validateDeadline(state: Readonly<MachineState>, slot: Slot): void {
  const { deadlineUs, pipe } = slot;
  assert(
    state.wakeUpAtUs <= Math.min(deadlineUs, slot.slowAtUs),
    `I7: slot ${slot.index} would be woken late`,
  );
  switch (slot.state) {
    case 'ready': {
      if (pipe.count === 0) {
        assert(deadlineUs === Infinity, `I6: idle slot ${slot.index} has a deadline`);
        return;
      }
      const kind = kindAt(pipe.lotAt(0), pipe.positionAt(0));
      const latestUs = slot.headSinceUs + kind.hardTimeoutMs * 1000;
      assert(deadlineUs <= latestUs, `I6: slot ${slot.index} may run on for ever`);
      return;
    }
    case 'starting':
      assert(deadlineUs < Infinity, `I6: slot ${slot.index} may start for ever`);
      return;
    case 'waiting': {
      const mayRest = state.isDraining || slot.process === 0;
      assert(deadlineUs < Infinity || mayRest, `I6: slot ${slot.index} is given up`);
      return;
    }
    case 'killing':
      assert(deadlineUs === Infinity, `I6: slot ${slot.index} is killed twice`);
      return;
    default:
      slot.state satisfies never;
  }
}

function validateCounts(state: Readonly<MachineState>): void {
  const inFlight = state.slots.reduce((sum, slot) => sum + slot.pipe.count, 0);
  assert(inFlight === state.inFlight, 'I3: requests in flight are miscounted');
  const failing = state.slots.filter((slot) => slot.isFailing).length;
  assert(failing === state.failing, 'I3: failing slots are miscounted');
  assert(state.credit >= 0 && state.leasing >= 0, 'I8: a negative count');
  if (!state.isDraining) return;
  assert(state.credit === 0 && state.queue.count === 0, 'I8: work is taken while draining');
}

function validateUniqueness(state: Readonly<MachineState>): void {
  const seen = new Map<object, Set<number>>();
  for (const ring of [state.queue, ...state.slots.map((slot) => slot.pipe)]) {
    for (let index = 0; index < ring.count; index += 1) {
      const lot = ring.lotAt(index);
      const positions = seen.get(lot) ?? new Set();
      seen.set(lot, positions);
      assert(!positions.has(ring.positionAt(index)), 'I4: an instance is in two places');
      positions.add(ring.positionAt(index));
    }
  }
}
