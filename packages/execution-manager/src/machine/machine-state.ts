import { InstanceRing } from './instance-ring.ts';
import type { SlotEffect } from './slot-event.ts';
import { pipeWorkFor, Slot } from './slot.ts';
import { TypicalLength } from './typical-length.ts';

/** Until a round trip was measured it is taken to be this long. */
const ROUND_TRIP_US_INITIAL = 2_000;
const HAND_OFF_US_INITIAL = 100;

export interface SlotMachineOptions {
  /** Executor processes, from 1 to `LIMITS.slotsPerExecutionManager`. */
  readonly slots: number;
  /** How long a cancelled instance that is running may go on before its process is killed. */
  readonly cancelGraceMs: number;
  /** How long a new process may take to answer. */
  readonly startTimeoutMs: number;
  /** Requests after which a process is replaced; without it one may have any number. */
  readonly recycleAfterTasks?: number | undefined;
}

/** All that the slot machine knows. */
export interface MachineState {
  readonly options: SlotMachineOptions;
  readonly slots: readonly Slot[];
  /** Leased instances that no slot has taken yet. */
  readonly queue: InstanceRing;
  /** The length of tasks of any kind. */
  readonly length: TypicalLength;
  /** From sending a request to an idle executor to its answer, without the task itself. */
  readonly handOff: TypicalLength;
  /** Estimated work in a pipe at which nothing more is put in. */
  pipeWorkUs: number;
  /** The number of the process that was spawned last. */
  lastProcess: number;
  /** Requests in all pipes. */
  inFlight: number;
  /** Slots whose last process did not come up. */
  failing: number;
  /** Tasks that the scheduler may still assign. */
  credit: number;
  /** Assigned tasks whose leases were not answered yet. */
  leasing: number;
  /** From the request for leases to their answer. */
  roundTripUs: number;
  /** Whether the credit is on its way to being void; none is given until it is. */
  isWithdrawing: boolean;
  /** Whether more reports than is good wait to be taken; no credit is given meanwhile. */
  isBacklogged: boolean;
  isDraining: boolean;
  isDrained: boolean;
  /** When the queue was last empty, or a slot took something from it. */
  queueMovedUs: number;
  /** Nothing has to happen by itself before this. */
  wakeUpAtUs: number;
}

/** One step of the machine: its state, the time, and the effects gathered so far. */
export interface Step {
  readonly state: MachineState;
  readonly nowUs: number;
  readonly effects: SlotEffect[];
}

export function initialState(options: SlotMachineOptions): MachineState {
  return {
    options,
    slots: Array.from(
      { length: options.slots },
      (_, index) => new Slot(index, options.recycleAfterTasks),
    ),
    queue: new InstanceRing(1024),
    length: new TypicalLength(),
    handOff: new TypicalLength(HAND_OFF_US_INITIAL),
    pipeWorkUs: pipeWorkFor(HAND_OFF_US_INITIAL),
    lastProcess: 0,
    inFlight: 0,
    failing: 0,
    credit: 0,
    leasing: 0,
    roundTripUs: ROUND_TRIP_US_INITIAL,
    isWithdrawing: false,
    isBacklogged: false,
    isDraining: false,
    isDrained: false,
    queueMovedUs: 0,
    wakeUpAtUs: Infinity,
  };
}

/** Makes sure that the machine is woken at a time, or earlier. */
export function wakeUpBy(state: MachineState, atUs: number): void {
  if (atUs < state.wakeUpAtUs) state.wakeUpAtUs = atUs;
}
