/**
 * Identities. On the wire every id is a uint64, so the edges carry branded bigints; inside a job
 * tasks are plain array indices, and a machine that needs an id in a hot path keeps it as a number.
 */
declare const kind: unique symbol;

/** A uint64 that cannot be mistaken for the id of something else. */
export type Id<Kind extends string> = bigint & { readonly [kind]: Kind };

export type JobId = Id<'job'>;
export type ResourceGroupId = Id<'resource group'>;
export type ExecutionManagerId = Id<'execution manager'>;
export type SchedulerId = Id<'scheduler'>;
/** The number of one start of storage; see `session.ts`. */
export type SessionId = Id<'session'>;
/** One attempt at a task. Issued once, also across restarts of storage. */
export type TaskInstanceId = Id<'task instance'>;
/** One hand-out of a task by a scheduler of the reference; starts at 0 for each of its processes. */
export type AssignmentId = Id<'assignment'>;

/** The largest id there can be. */
export const ID_MAX = 0xffff_ffff_ffff_ffffn;

/**
 * Takes a bigint, or a number without fraction, as an id.
 *
 * @throws RangeError if it is not a uint64.
 */
export function toId<T extends Id<string>>(value: bigint | number): T {
  const id = BigInt(value);
  if (id < 0n || id > ID_MAX) throw new RangeError(`not an id: ${id} is outside 0…2^64−1`);
  return id as T;
}

/**
 * Reads an id that a person typed.
 *
 * @throws RangeError if the text is anything but a decimal uint64.
 */
export function parseId<T extends Id<string>>(text: string): T {
  if (!/^\d{1,20}$/.test(text)) throw new RangeError(`not an id: ${JSON.stringify(text)}`);
  return toId(BigInt(text));
}

/** A regular task's position in its job's task graph. */
export type TaskIndex = number;

/** Stands for a job's commit task wherever a task index is expected. */
export const COMMIT_TASK_INDEX = 0xffff_ffff;
/** Stands for a job's cleanup task wherever a task index is expected. */
export const CLEANUP_TASK_INDEX = 0xffff_fffe;
