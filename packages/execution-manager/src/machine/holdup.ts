import { type Step, wakeUpBy } from './machine-state.ts';
import type { Slot } from './slot.ts';

/** What has run for so long … */
const SLOW_US = 20_000;
/** … and so many times as long as it was expected to, is slow. */
const SLOW_FACTOR = 2;

/** Takes note that another request has become the first of a pipe, or that there is none. */
export function awaitHead(step: Step, slot: Slot): void {
  const { pipe } = slot;
  if (pipe.count === 0 || slot.holdup === 'stuck') slot.holdup = 'no';
  if (pipe.count === 0) {
    slot.slowAtUs = Infinity;
    return;
  }
  slot.slowAtUs = step.nowUs + Math.max(SLOW_US, SLOW_FACTOR * pipe.workUsAt(0));
  wakeUpBy(step.state, slot.slowAtUs);
}

/** What runs is slow: what is behind it is asked back, if that is possible, and nothing is added. */
export function headSlow(step: Step, slot: Slot): void {
  slot.slowAtUs = Infinity;
  if (slot.holdup !== 'no') return;
  if (slot.pipe.count === 1 || !slot.hasExtensions) {
    slot.holdup = 'stuck';
    return;
  }
  slot.holdup = 'asked';
  slot.asks += 1;
  step.effects.push({ type: 'ask-back', slot: slot.index, process: slot.process });
}
