import { invalidArgument, TaskOutcome } from '@spider/core';

import type { TaskOutcome as WireTaskOutcome } from '../gen/spider/v1/task_graph_pb.ts';

/** Outcomes have the same numbers on both sides, so an array of them needs no copy. */
// oxlint-disable-next-line typescript/no-unsafe-enum-assignment -- this is the place for it
export const toWireTaskOutcomes = (outcomes: TaskOutcome[]): WireTaskOutcome[] => outcomes;

/**
 * Takes an array of outcomes from the wire as it is.
 *
 * @throws SpiderError 'invalid-argument' that names the first outcome that does not exist.
 */
export function fromWireTaskOutcomes(outcomes: WireTaskOutcome[]): TaskOutcome[] {
  for (let position = 0; position < outcomes.length; position++) {
    const outcome: number | undefined = outcomes[position];
    if (
      outcome === undefined ||
      outcome < TaskOutcome.Succeeded ||
      outcome > TaskOutcome.Released
    ) {
      throw invalidArgument(`outcomes[${position}]: no task outcome has the number ${outcome}`);
    }
  }
  return outcomes as number[] as TaskOutcome[];
}
