import type { InstanceLot } from './instance-lot.ts';
import type { InstanceRing } from './instance-ring.ts';
import type { Step } from './machine-state.ts';
import { hurryHead, spread } from './pipes.ts';
import { killExecutor } from './processes.ts';
import type { SlotEvent } from './slot-event.ts';

/**
 * Drops the named instances that wait. Of those in a pipe the results are dropped, and the process is
 * told if it understands; the one that is being run has the grace period to end, and so has one that
 * comes to be run.
 */
export function cancel(step: Step, event: Extract<SlotEvent, { readonly type: 'cancel' }>): void {
  const { state } = step;
  const offsets = new Set(event.instanceOffsets);
  const isMeant = (lot: InstanceLot, position: number): boolean => {
    if (lot.jobId !== event.jobId) return false;
    const distance = Number(lot.instanceBase - event.instanceBase);
    return offsets.has(distance + (lot.instanceOffsets[position] as number));
  };
  cancelIn(state.queue, isMeant, undefined);
  state.queue.removeCancelled();
  for (const slot of state.slots) {
    const requests: number[] = [];
    const isFirst = cancelIn(slot.pipe, isMeant, (index) => requests.push(slot.answered + index));
    if (slot.state !== 'ready') continue;
    if (isFirst) hurryHead(step, slot);
    if (requests.length === 0 || !slot.hasExtensions) continue;
    const { index, process } = slot;
    step.effects.push({ type: 'cancel-requests', slot: index, process, requests });
  }
  // A suspect that is dropped keeps nothing from the slots any more.
  spread(step);
}

/** Whatever runs is stopped, whatever waits is forgotten; nothing of it is reported. */
export function disown(step: Step): void {
  const { state } = step;
  state.queue.clear();
  state.leasing = 0;
  for (const slot of state.slots) {
    const { pipe } = slot;
    for (let index = 0; index < pipe.count; index += 1) pipe.cancelAt(index);
    if (pipe.count > 0 && slot.state === 'ready') killExecutor(step, slot, undefined);
  }
}

/** Marks entries as cancelled. Answers whether the first one was among them. */
function cancelIn(
  ring: InstanceRing,
  isMeant: (lot: InstanceLot, position: number) => boolean,
  onCancelled: ((index: number) => void) | undefined,
): boolean {
  let isFirst = false;
  for (let index = 0; index < ring.count; index += 1) {
    if (ring.isCancelledAt(index) || !isMeant(ring.lotAt(index), ring.positionAt(index))) continue;
    ring.cancelAt(index);
    onCancelled?.(index);
    if (index === 0) isFirst = true;
  }
  return isFirst;
}
