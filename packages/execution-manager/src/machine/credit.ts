import { LIMITS } from '@spider/core';
import { PIPE_COUNT_MAX } from './slot.ts';

/** Tasks are fetched ahead only as long as the last of them waits no longer than this. */
const AHEAD_US = 20_000;
/** Tasks a slot that are fetched ahead of what is in the pipes; bounds what a slow link can ask. */
const AHEAD_PER_SLOT_MAX = 2 * PIPE_COUNT_MAX;
/** Credit that would be worth less than so much work is not sent by itself. */
const GRANT_WORTH_US = 500;

/** What the wish for tasks depends on. */
export interface Demand {
  /** Slots whose executor is up. */
  readonly slots: number;
  /** Undefined as long as nothing was measured. */
  readonly taskLengthUs: number | undefined;
  /** Work that fills a pipe. */
  readonly pipeWorkUs: number;
  /** From asking for tasks until they can be run. */
  readonly roundTripUs: number;
}

/**
 * How many tasks may wait, beyond those in the pipes, so that slots do not run dry while more is
 * fetched. 0 when tasks are so long that waiting here would cost them more than it saves.
 */
export function tasksAhead({ slots, taskLengthUs, roundTripUs }: Demand): number {
  if (taskLengthUs === undefined || slots === 0) return 0;
  if (taskLengthUs > AHEAD_US * slots) return 0;
  return Math.min(Math.ceil((slots * roundTripUs) / taskLengthUs), slots * AHEAD_PER_SLOT_MAX);
}

/** How many tasks may be held or under way at once: what fills the pipes, and those ahead. */
export function tasksWanted(demand: Demand): number {
  const { slots, taskLengthUs, pipeWorkUs } = demand;
  const perPipe =
    taskLengthUs === undefined ? 1 : Math.min(Math.ceil(pipeWorkUs / taskLengthUs), PIPE_COUNT_MAX);
  return Math.min(slots * perPipe + tasksAhead(demand), LIMITS.tasksPerMessage);
}

/** The least credit that deserves a message: less waits for company, unless tasks are long. */
export function leastGrant(demand: Demand): number {
  const { slots, taskLengthUs } = demand;
  if (taskLengthUs === undefined) return 1;
  const worthwhile = Math.floor((slots * GRANT_WORTH_US) / taskLengthUs);
  return Math.max(1, Math.min(worthwhile, tasksWanted(demand) >> 2));
}
