import type { Rng } from '@spider/runtime';

export interface PaceState {
  /** Drawn evenly from 0 to 1. */
  readonly lot: number;
  /** Until the run ends. */
  readonly leftMs: number;
  /** How many blows are still to be struck; undefined if there is no number to be reached. */
  readonly leftBlows: number | undefined;
  /** How long one of this kind has taken lately. */
  readonly tookMs: number;
  /** The usual pause. */
  readonly everyMs: number;
}

/** So much of the time is kept in hand, as blows take longer than they did when the machine is busy. */
const RESERVE = 0.15;

/**
 * How long to wait before the next blow of a kind. Where a number is to be reached the pauses are as
 * long as the time that is left allows, and none when it runs out.
 */
export function pauseMs({ lot, leftMs, leftBlows, tookMs, everyMs }: PaceState): number {
  const spread = 0.2 + 1.6 * lot;
  if (leftBlows === undefined) return everyMs * spread;
  const eachMs = (leftMs * (1 - RESERVE)) / Math.max(1, leftBlows);
  return Math.max(0, eachMs - tookMs) * spread;
}

export const pick = <T>(rng: Rng, values: readonly T[]): T | undefined =>
  values[Math.floor(rng.float() * values.length)];
