import { ExecutorOutcome } from '@spider/core';
import { type InstanceLot, kindAt } from './instance-lot.ts';
import type { Step } from './machine-state.ts';
import { beginHead, dropHead, fillPipe, spread } from './pipes.ts';
import { breakExecutor, retireIfDue } from './processes.ts';
import type { ResponseBatch } from './slot-event.ts';
import { pipeWorkFor, type Slot } from './slot.ts';

/** Takes the oldest requests of a pipe as answered, and fills their places. */
export function takeResponses(step: Step, slot: Slot, responses: ResponseBatch): void {
  const { state } = step;
  const { pipe } = slot;
  const { count, elapsedUs } = responses;
  if (slot.state !== 'ready') return;
  if (count > pipe.count) {
    breakExecutor(step, slot, 'an answer to a request that was never made');
    return;
  }
  if (isWronglyCancelled(slot, responses)) {
    breakExecutor(step, slot, 'that it cancelled a request it was not asked to');
    return;
  }
  const pipesGrew = measureHandOff(step, slot, elapsedUs[0] as number);
  const lots: (InstanceLot | undefined)[] = [];
  const positions: number[] = [];
  for (let i = 0; i < count; i += 1) {
    const lot = pipe.lotAt(0);
    const position = pipe.positionAt(0);
    const spentUs = elapsedUs[i] as number;
    // The first task of a process may have loaded its package.
    const isDoubtful = !slot.hasAnswered;
    slot.hasAnswered = true;
    if (responses.outcomes[i] !== ExecutorOutcome.Cancelled) {
      kindAt(lot, position).length.observe(spentUs, isDoubtful);
      state.length.observe(spentUs, isDoubtful);
    }
    lots.push(pipe.isCancelledAt(0) ? undefined : lot);
    positions.push(position);
    dropHead(slot);
  }
  state.inFlight -= count;
  slot.answered += count;
  beginHead(step, slot);
  step.effects.push({ type: 'report', responses, lots, positions });
  retireIfDue(step, slot);
  if (pipesGrew) spread(step);
  else fillPipe(step, slot, Infinity);
}

function isWronglyCancelled({ pipe }: Slot, { count, outcomes }: ResponseBatch): boolean {
  for (let i = 0; i < count; i += 1) {
    if (outcomes[i] === ExecutorOutcome.Cancelled && !pipe.isCancelledAt(i)) return true;
  }
  return false;
}

/**
 * What a request to an idle executor took beyond the task is what it takes to hand it over and its
 * answer back, the pauses of a busy machine included. Pipes that run dry are measured again and
 * again, and get deeper until they do not. Answers whether they do.
 */
function measureHandOff(step: Step, slot: Slot, elapsedUs: number): boolean {
  const { state, nowUs } = step;
  // The first task of a process had to wait for its package.
  if (!slot.wasIdle || !slot.hasAnswered) return false;
  state.handOff.observe(nowUs - slot.headSinceUs - elapsedUs, false);
  const before = state.pipeWorkUs;
  state.pipeWorkUs = pipeWorkFor(state.handOff.valueUs ?? 0);
  return state.pipeWorkUs > before;
}
