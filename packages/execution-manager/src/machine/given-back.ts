import type { Step } from './machine-state.ts';
import { beginHead, dropTail, spread } from './pipes.ts';
import { breakExecutor, retireIfDue } from './processes.ts';
import type { Slot } from './slot.ts';

/** The last requests of a pipe were not begun: they run elsewhere, before all that waits. */
export function takeBack(step: Step, slot: Slot, count: number): void {
  const { state } = step;
  const { pipe } = slot;
  if (slot.state !== 'ready') return;
  slot.asks -= 1;
  // Else all that was asked back has been answered before, and was not there to be given back.
  const isAwaited = slot.asks === 0 && slot.holdup === 'asked';
  if (slot.asks < 0 || count > (isAwaited ? pipe.count : 0)) {
    breakExecutor(step, slot, 'that it gives back what it was not asked for');
    return;
  }
  if (!isAwaited) return;
  for (let i = 0; i < count; i += 1) {
    const last = pipe.count - 1;
    if (!pipe.isCancelledAt(last)) state.queue.unshift(pipe.lotAt(last), pipe.positionAt(last), 0);
    dropTail(slot);
  }
  state.inFlight -= count;
  if (pipe.count === 0) beginHead(step, slot);
  else slot.holdup = 'stuck';
  retireIfDue(step, slot);
  spread(step);
}
