import { TaskState } from '@spider/core';

import type { TaskState as WireTaskState } from '../gen/spider/v1/task_graph_pb.ts';

/** On the wire states are numbered from 1; 0 stands for a state that is not known. */
export function toWireTaskState(state: TaskState | undefined): WireTaskState {
  const number: number = state === undefined ? 0 : state + 1;
  // oxlint-disable-next-line typescript/no-unsafe-enum-assignment -- this is the place for it
  return number;
}

/** The state of a number on the wire; undefined if it names none. */
export const fromWireTaskState = (number: number): TaskState | undefined =>
  number >= 1 && number <= TaskState.Skipped + 1 ? ((number - 1) as TaskState) : undefined;
