import type { Labels, TaskGraph } from '@spider/core';

import type { Run } from './sim-executors.ts';

/** One job of the workload, and all that its user will do with it. */
export interface JobSpec {
  /** The package of its tasks, by which executors know whose they are. */
  readonly name: string;
  readonly graph: TaskGraph;
  readonly inputs: readonly Uint8Array[];
  /** The id of its resource group; 1 is the default one. */
  readonly group: number;
  readonly submitAtMs: number;
  readonly priority: number;
  /** Labels without which an execution manager may not run its tasks. */
  readonly requires: Labels;
  /** How many of its tasks may be out at a time; 0 for any number. */
  readonly maxConcurrency: number;
  /** How long after its submission it is started; undefined: with it. */
  readonly startAfterMs: number | undefined;
  /** When its user cancels it. */
  readonly cancelAtMs: number | undefined;
  /** How often its user looks around, on the way to its end; 0 for never. */
  readonly looks: number;
  /** What its user asks for beside. */
  readonly durability: 'job' | 'task' | 'sync';
  readonly goesOnAfterFailure: boolean;
  readonly cleansUpAfterFailure: boolean;
  /** From its start; undefined for as long as it takes. */
  readonly deadlineMs: number | undefined;
  /** Whether its user retries it if it fails. */
  readonly isRetried: boolean;
  /** How the first runs of each task go; later ones succeed at once. Commit and cleanup come last. */
  readonly runs: readonly (readonly Run[])[];
}
