import type { TypeDescriptor } from '../value/type-descriptor.ts';

/**
 * How often and how long a task may run. Defaults and bounds are the reference's: no retry, one
 * instance at a time, 150 s soft and 300 s hard timeout, both from 100 ms to a day, hard > soft.
 */
export interface ExecutionPolicy {
  /** Further attempts after the first one failed. */
  readonly maxRetries: number;
  /**
   * How long a failed task waits before it is tried again: this long after the first failure, and
   * twice as long after each further one, up to five minutes unless this is longer. 0 by default.
   */
  readonly retryDelayMs?: number;
  /** Instances that may run at the same time; at least 1. */
  readonly maxInstances: number;
  /** After this long another instance may be started beside the slow one. */
  readonly softTimeoutMs: number;
  /** After this long the execution manager kills the attempt. */
  readonly hardTimeoutMs: number;
}

/** What tasks of the same function have in common; a graph stores each kind once. */
export interface TaskKind {
  readonly packageName: string;
  readonly functionName: string;
  readonly inputs: readonly TypeDescriptor[];
  readonly outputs: readonly TypeDescriptor[];
  readonly policy: ExecutionPolicy;
}

/** A commit or cleanup task: it has no inputs of its own, and what it returns is ignored. */
export interface TerminationTask {
  readonly packageName: string;
  readonly functionName: string;
  readonly policy: ExecutionPolicy;
  /**
   * Set if the policy was written out, be it the default one. The reference's documents keep the
   * difference, and nothing else does.
   */
  readonly hasExplicitPolicy?: true;
}

/** In `sourceTask`: the input is the job input whose number is in `sourceSlot`. */
export const SOURCE_JOB_INPUT = 0xffff_ffff;
/** In `sourceTask`: the input is the constant whose number is in `sourceSlot`. */
export const SOURCE_CONSTANT = 0xffff_fffe;

/**
 * An immutable, validated directed acyclic graph of tasks, in columns: a million tasks are a handful
 * of typed arrays. Tasks are numbered so that every edge leads from a lower to a higher index.
 *
 * "Offset" columns have one more entry than there are tasks: the entries of task t are at
 * offset[t] … offset[t + 1] − 1 of the columns they belong to.
 */
export interface TaskGraph {
  readonly taskCount: number;
  readonly kinds: readonly TaskKind[];
  /** For each task its position in `kinds`. */
  readonly taskKind: Uint32Array;

  /** Inputs. For each its producing task, or one of the SOURCE_ marks, and the position there. */
  readonly inputOffset: Uint32Array;
  readonly sourceTask: Uint32Array;
  readonly sourceSlot: Uint32Array;

  /** Ordering only: tasks that must have succeeded before, without giving an input. */
  readonly orderOffset: Uint32Array;
  readonly orderTask: Uint32Array;

  /** Derived: numbers all outputs of all tasks; output p of task t is slot outputOffset[t] + p. */
  readonly outputOffset: Uint32Array;
  /** Derived: distinct parents of each task, through data and ordering edges alike. */
  readonly parentCount: Uint32Array;
  /** Derived: distinct children of each task, ascending. */
  readonly childOffset: Uint32Array;
  readonly child: Uint32Array;

  /** The types of the job's inputs. */
  readonly jobInputs: readonly TypeDescriptor[];
  /** Encoded constants, each one MessagePack value. */
  readonly constants: readonly Uint8Array[];
  /**
   * The job's outputs, as output slots (see `outputOffset`). Unless the author chose them: all
   * outputs of the tasks that give no input to another, in order of task and position.
   */
  readonly jobOutputSlots: Uint32Array;

  readonly commitTask: TerminationTask | undefined;
  readonly cleanupTask: TerminationTask | undefined;
}

export const DEFAULT_EXECUTION_POLICY: ExecutionPolicy = {
  maxRetries: 0,
  maxInstances: 1,
  softTimeoutMs: 150_000,
  hardTimeoutMs: 300_000,
};
