import { headSlow } from './holdup.ts';
import { kindAt } from './instance-lot.ts';
import { type Step, wakeUpBy } from './machine-state.ts';
import { dropHead, fillPipe, spread } from './pipes.ts';
import { describeExit, type ProcessExit } from './slot-event.ts';
import type { Slot } from './slot.ts';

const RESPAWN_DELAY_US = 100_000;
const RESPAWN_DELAY_US_MAX = 10_000_000;

/** waiting → starting */
export function spawnExecutor(step: Step, slot: Slot): void {
  const { state, nowUs } = step;
  state.lastProcess += 1;
  slot.process = state.lastProcess;
  slot.state = 'starting';
  slot.hasAnswered = false;
  slot.hasExtensions = false;
  slot.answered = 0;
  slot.asks = 0;
  slot.isRetiring = false;
  slot.deadlineUs = nowUs + state.options.startTimeoutMs * 1000;
  wakeUpBy(state, slot.deadlineUs);
  step.effects.push({ type: 'spawn', slot: slot.index, process: slot.process });
}

/** starting → ready */
export function executorStarted(step: Step, slot: Slot, hasExtensions: boolean): void {
  if (slot.state !== 'starting') return;
  slot.hasExtensions = hasExtensions;
  if (slot.isFailing) step.state.failing -= 1;
  slot.isFailing = false;
  slot.state = 'ready';
  slot.deadlineUs = Infinity;
  fillPipe(step, slot, Infinity);
}

/** starting, ready → killing. The request that is being run, once known, fails of what the text says. */
export function killExecutor(step: Step, slot: Slot, failure: string | undefined): void {
  slot.state = 'killing';
  slot.deadlineUs = Infinity;
  slot.slowAtUs = Infinity;
  slot.failure = failure;
  step.effects.push({ type: 'kill', slot: slot.index, process: slot.process });
}

/** ready → killing, because the process has run enough or has grown too large, once it is idle. */
export function retireIfDue(step: Step, slot: Slot): void {
  if (slot.state !== 'ready' || slot.pipe.count > 0 || step.state.isDraining) return;
  if (!slot.isRetiring && !slot.isSpent) return;
  slot.state = 'killing';
  slot.failure = undefined;
  step.effects.push({ type: 'retire', slot: slot.index, process: slot.process });
}

/** starting, ready → killing, because what the process wrote cannot be understood. */
export function breakExecutor(step: Step, slot: Slot, reason: string): void {
  if (slot.state === 'killing') return;
  killExecutor(step, slot, `executor crashed (it wrote ${reason})`);
}

/** starting, ready, killing → waiting, and on to starting at once if the process was of use */
export function executorExited(step: Step, slot: Slot, exit: ProcessExit): void {
  const { state } = step;
  const wasReady = slot.state === 'ready';
  const wasCancelled = slot.state === 'killing' && slot.failure === undefined;
  const wasOfUse = slot.hasAnswered || slot.pipe.count > 0;
  slot.state = 'waiting';
  slot.deadlineUs = Infinity;
  slot.slowAtUs = Infinity;
  slot.holdup = 'no';
  endRequests(step, slot, wasCancelled, exit);
  slot.failure = undefined;
  if (wasReady) step.effects.push({ type: 'crashed', slot: slot.index, exit });
  if (state.isDraining) return;
  if (wasOfUse) {
    slot.uselessStarts = 0;
    spawnExecutor(step, slot);
  } else {
    spawnLater(step, slot, wasReady ? undefined : exit);
  }
}

/** One that never ran anything would else be spawned, and die, in a busy loop. */
function spawnLater(step: Step, slot: Slot, failedStart: ProcessExit | undefined): void {
  const { state, nowUs, effects } = step;
  const retryInUs = Math.min(RESPAWN_DELAY_US * 2 ** slot.uselessStarts, RESPAWN_DELAY_US_MAX);
  slot.uselessStarts += 1;
  slot.deadlineUs = nowUs + retryInUs;
  wakeUpBy(state, slot.deadlineUs);
  if (failedStart === undefined) return;
  if (!slot.isFailing) state.failing += 1;
  slot.isFailing = true;
  effects.push({ type: 'start-failed', slot: slot.index, exit: failedStart, retryInUs });
}

/**
 * A request that was alone in the pipe has failed. Of several, any may be the one that was being run:
 * results of those before it may have been held, and died with the process. So none is blamed, and
 * all are run again, before all that waits. Unless the process was ended because the first one was
 * cancelled, they are suspects from then on: each is run alone, so that the culprit is too when it
 * ends its next process. That costs a culprit's pipe one more process, a task that hangs its limit
 * once more: it fails within twice that, the start of a process, and the time that the suspects
 * before it take. No task goes through this twice.
 */
function endRequests(step: Step, slot: Slot, wasCancelled: boolean, exit: ProcessExit): void {
  const { state } = step;
  const { pipe } = slot;
  const count = pipe.count;
  if (count === 0) return;
  state.inFlight -= count;
  slot.isTrying = false;
  if (count === 1) blameHead(step, slot, exit);
  else {
    for (let index = count - 1; index >= 0; index -= 1) {
      if (pipe.isCancelledAt(index)) continue;
      if (wasCancelled) state.queue.unshift(pipe.lotAt(index), pipe.positionAt(index), 0);
      else state.queue.unshiftSuspect(pipe.lotAt(index), pipe.positionAt(index));
    }
  }
  while (pipe.count > 0) dropHead(slot);
  spread(step);
}

function blameHead({ effects, nowUs }: Step, slot: Slot, exit: ProcessExit): void {
  const { pipe } = slot;
  if (pipe.isCancelledAt(0)) return;
  effects.push({
    type: 'report-failure',
    lot: pipe.lotAt(0),
    position: pipe.positionAt(0),
    message: slot.failure ?? `executor crashed (${describeExit(exit)})`,
    elapsedUs: nowUs - slot.headSinceUs,
  });
}

/** Does what has become due at slots. */
export function wakeUp(step: Step): void {
  const { state, nowUs } = step;
  state.wakeUpAtUs = Infinity;
  for (const slot of state.slots) {
    if (slot.deadlineUs <= nowUs) slotDue(step, slot);
    if (slot.slowAtUs <= nowUs) headSlow(step, slot);
    wakeUpBy(state, Math.min(slot.deadlineUs, slot.slowAtUs));
  }
}

function slotDue(step: Step, slot: Slot): void {
  switch (slot.state) {
    case 'waiting':
      spawnExecutor(step, slot);
      return;
    case 'starting':
      killExecutor(step, slot, undefined);
      return;
    case 'ready':
      headOverdue(step, slot);
      return;
    case 'killing':
      slot.deadlineUs = Infinity;
      return;
    default:
      slot.state satisfies never;
  }
}

/** ready → killing, because what it runs has taken too long or is not wanted any more. */
function headOverdue(step: Step, slot: Slot): void {
  const { pipe } = slot;
  const kind = kindAt(pipe.lotAt(0), pipe.positionAt(0));
  const isCancelled = pipe.isCancelledAt(0);
  killExecutor(
    step,
    slot,
    isCancelled ? undefined : `hard timeout (${kind.hardTimeoutMs} ms) exceeded`,
  );
}
