import { type Demand, leastGrant, tasksAhead, tasksWanted } from './credit.ts';
import type { InstanceLot } from './instance-lot.ts';
import { type MachineState, type Step, wakeUpBy } from './machine-state.ts';
import type { Slot } from './slot.ts';

/** Tasks of which a slot would have to do more than this before the last of them are too many. */
const QUEUED_WORK_US_MAX = 500_000;
/** A queue from which no slot took anything for so long is of no use here. */
const QUEUE_STALLED_US = 250_000;
/** Credit that exceeds what is wanted by this factor is taken back … */
const EXCESS_CREDIT_FACTOR = 4;
/** … if it is at least this much. */
const EXCESS_CREDIT_MIN = 32;
/** A stall of the other side does not count as its round trip. */
const ROUND_TRIP_US_MAX = 20_000;

/** Follows how long it takes from asking for tasks to having them. */
export function measureRoundTrip(state: MachineState, leaseRoundTripUs: number): void {
  // Before the lease there was the assignment, which takes about as long.
  const roundTripUs = Math.min(2 * leaseRoundTripUs, ROUND_TRIP_US_MAX);
  state.roundTripUs += (roundTripUs - state.roundTripUs) / 8;
}

/**
 * Gives back what is queued and should better run elsewhere, then asks the scheduler for more if
 * there is room. Comes last in each step.
 */
export function regulateIntake(step: Step): void {
  const { state } = step;
  if (state.isDraining) {
    releaseQueue(step, 0);
    return;
  }
  const demand: Demand = {
    slots: state.slots.length - state.failing,
    taskLengthUs: state.length.valueUs,
    pipeWorkUs: state.pipeWorkUs,
    roundTripUs: state.roundTripUs,
  };
  releaseSurplus(step, demand);
  if (!state.isBacklogged && !state.isWithdrawing) adjustCredit(step, demand);
}

function releaseSurplus(step: Step, demand: Demand): void {
  const { state, nowUs } = step;
  const { queue } = state;
  if (queue.count === 0) return;
  const stalledAtUs = state.queueMovedUs + QUEUE_STALLED_US;
  const workUs = queue.count * (demand.taskLengthUs ?? 0);
  if (workUs > QUEUED_WORK_US_MAX * demand.slots) releaseQueue(step, tasksAhead(demand));
  if (nowUs < stalledAtUs) wakeUpBy(state, stalledAtUs);
  else if (!state.slots.some(isBeingReplaced)) releaseQueue(step, 0);
}

/** Its executor will take something soon, or fail to come up, and either is an event. */
function isBeingReplaced(slot: Slot): boolean {
  return slot.state === 'starting' || slot.state === 'killing';
}

function releaseQueue(step: Step, keptCount: number): void {
  const { queue } = step.state;
  if (queue.count <= keptCount) return;
  const lots: InstanceLot[] = [];
  const positions: number[] = [];
  while (queue.count > keptCount) {
    lots.push(queue.lotAt(queue.count - 1));
    positions.push(queue.positionAt(queue.count - 1));
    queue.dropLast();
  }
  step.effects.push({ type: 'release', instances: { lots, positions } });
}

function adjustCredit(step: Step, demand: Demand): void {
  const { state, effects } = step;
  const wanted = tasksWanted(demand);
  if (state.credit >= EXCESS_CREDIT_MIN && state.credit > wanted * EXCESS_CREDIT_FACTOR) {
    state.isWithdrawing = true;
    effects.push({ type: 'withdraw-credit' });
    return;
  }
  const held = state.credit + state.leasing + state.queue.count + state.inFlight;
  const missing = wanted - held;
  if (missing < leastGrant(demand)) return;
  state.credit += missing;
  effects.push({ type: 'grant', credit: missing });
}
