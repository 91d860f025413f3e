import { inputLengthAt, type InstanceLot, kindAt } from './instance-lot.ts';
import { type Step, wakeUpBy } from './machine-state.ts';
import { awaitHead } from './holdup.ts';
import type { Slot } from './slot.ts';

/**
 * Puts new instances into the queue and from there into the pipes. A queue that was not empty
 * before means that no slot needs any, so nothing is tried then.
 */
export function enqueue(step: Step, lot: InstanceLot): void {
  const { queue } = step.state;
  const isIdle = queue.count === 0;
  const count = lot.taskIndexes.length;
  for (let position = 0; position < count; position += 1) queue.push(lot, position, 0);
  if (isIdle) spread(step);
}

/**
 * Distributes the queue evenly: a few tasks go to as many slots as there are, and do not line up in
 * one pipe beside idle ones.
 */
export function spread(step: Step): void {
  const { state } = step;
  if (state.queue.count === 0 || state.isDraining) return;
  state.queueMovedUs = step.nowUs;
  let ready = 0;
  for (const slot of state.slots) if (slot.state === 'ready') ready += 1;
  const share = Math.floor((state.inFlight + state.queue.count) / Math.max(1, ready));
  for (const countMax of [share, share + 1, Infinity]) {
    for (const slot of state.slots) {
      if (state.queue.count === 0) return;
      fillPipe(step, slot, countMax);
    }
  }
}

/**
 * Sends a slot what the queue has, if its pipe is low: until it is full, or has `countMax`. A suspect
 * goes alone, to a process that has nothing else; until it has gone, nothing behind it goes either.
 */
export function fillPipe(step: Step, slot: Slot, countMax: number): void {
  const { state, nowUs } = step;
  const { queue } = state;
  if (queue.count === 0 || slot.pipe.count >= countMax) return;
  const isSuspect = queue.isSuspectAt(0);
  if (!slot.isLow(state.pipeWorkUs, isSuspect)) return;
  slot.isTrying = isSuspect;
  const isIdle = slot.pipe.count === 0;
  const lots: InstanceLot[] = [];
  const positions: number[] = [];
  do {
    const lot = queue.lotAt(0);
    const position = queue.positionAt(0);
    queue.dropFirst();
    // What is not known may be long: it has the slot to itself.
    const workUs = kindAt(lot, position).length.valueUs ?? state.pipeWorkUs;
    slot.pipe.push(lot, position, workUs);
    slot.workUs += workUs;
    slot.bytes += inputLengthAt(lot, position);
    lots.push(lot);
    positions.push(position);
  } while (
    queue.count > 0 &&
    slot.hasRoom(state.pipeWorkUs) &&
    slot.pipe.count < countMax &&
    !queue.isSuspectAt(0)
  );
  state.inFlight += lots.length;
  state.queueMovedUs = nowUs;
  if (isIdle) beginHead(step, slot);
  if (isIdle) slot.wasIdle = true;
  step.effects.push({
    type: 'execute',
    slot: slot.index,
    process: slot.process,
    instances: { lots, positions },
  });
  // What is behind the last suspect was kept from the other slots.
  if (isSuspect && queue.count > 0 && !queue.isSuspectAt(0)) spread(step);
}

/**
 * The first request of a pipe, if there is one, is taken to be run from now on. Its limit counts for
 * the pipe: if the first has ended and its result is held, one behind it may be stopped too early, but
 * neither is blamed.
 */
export function beginHead(step: Step, slot: Slot): void {
  const { pipe } = slot;
  awaitHead(step, slot);
  if (pipe.count === 0) {
    slot.deadlineUs = Infinity;
    return;
  }
  slot.headSinceUs = step.nowUs;
  slot.wasIdle = false;
  const kind = kindAt(pipe.lotAt(0), pipe.positionAt(0));
  slot.deadlineUs = step.nowUs + kind.hardTimeoutMs * 1000;
  if (pipe.isCancelledAt(0)) hurryHead(step, slot);
  wakeUpBy(step.state, slot.deadlineUs);
}

/** What a slot is running was cancelled: it has only the grace period left. */
export function hurryHead(step: Step, slot: Slot): void {
  const graceEndsUs = step.nowUs + step.state.options.cancelGraceMs * 1000;
  slot.deadlineUs = Math.min(slot.deadlineUs, graceEndsUs);
  wakeUpBy(step.state, slot.deadlineUs);
}

/** Forgets the last request of a pipe. */
export function dropTail(slot: Slot): void {
  const { pipe } = slot;
  const last = pipe.count - 1;
  slot.workUs -= pipe.workUsAt(last);
  slot.bytes -= inputLengthAt(pipe.lotAt(last), pipe.positionAt(last));
  pipe.dropLast();
}

/** Forgets the first request of a pipe. */
export function dropHead(slot: Slot): void {
  const { pipe } = slot;
  slot.workUs -= pipe.workUsAt(0);
  slot.bytes -= inputLengthAt(pipe.lotAt(0), pipe.positionAt(0));
  pipe.dropFirst();
}
