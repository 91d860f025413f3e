import type { Step } from './machine-state.ts';

/** Takes nothing more, and spawns no executor again. */
export function drain(step: Step): void {
  const { state } = step;
  state.isDraining = true;
  state.credit = 0;
  for (const slot of state.slots) if (slot.state === 'waiting') slot.deadlineUs = Infinity;
}

/** Says once that everything is done. */
export function reportDrained(step: Step): void {
  const { state } = step;
  if (!state.isDraining || state.isDrained) return;
  if (state.inFlight > 0 || state.leasing > 0 || state.queue.count > 0) return;
  state.isDrained = true;
  step.effects.push({ type: 'drained' });
}
