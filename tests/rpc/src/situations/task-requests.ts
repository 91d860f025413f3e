import { FORTY_TWO, ONE_TASK } from '../reference-world.ts';
import type { GraphShape } from '../reference-world.ts';
import type { PlainMessage } from '../schema.ts';
import type { Scene } from './situation.ts';

/** A job of one task with a commit and a cleanup task. */
export const BOTH: GraphShape = { ...ONE_TASK, commit: true, cleanup: true };

/** The three calls, and what each has beside the names of the task. */
export const CALLS = {
  RegisterTaskInstance: {},
  ReportTaskSuccess: { taskInstanceId: '1', serializedOutputs: FORTY_TWO },
  ReportTaskFailure: { taskInstanceId: '1', errorMessage: 'it broke' },
} as const;
export type Call = keyof typeof CALLS;

/** A request that names a task of a job; reports are of an instance that does not exist. */
export const request = async (
  { world }: Scene,
  call: Call,
  jobId: string,
  taskId: PlainMessage,
): Promise<PlainMessage> => ({ ...(await world.leaseRequest(jobId, taskId)), ...CALLS[call] });
