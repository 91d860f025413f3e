import { JobState, SpiderError } from '@spider/core';

import type { JobState as ReferenceJobState } from '../gen/storage/storage_pb.ts';
import type { JobState as WireJobState } from '../gen/spider/v1/task_graph_pb.ts';

/** The states have the same numbers on both sides, and in the reference's services. */
// oxlint-disable-next-line typescript/no-unsafe-enum-assignment -- this is the place for it
export const toWireJobState = (state: JobState): WireJobState => state;

// oxlint-disable-next-line typescript/no-unsafe-enum-assignment -- as above
export const toReferenceJobState = (state: JobState): ReferenceJobState => state;

/**
 * @throws SpiderError 'internal' if the peer sent a state that does not exist: it breaks the
 * protocol, or is newer than this side.
 */
export function fromWireJobState(state: number): JobState {
  if (state >= JobState.Ready && state <= JobState.Cancelled) return state as JobState;
  throw new SpiderError(
    'internal',
    `the server answered a job state that does not exist: ${state}`,
  );
}
