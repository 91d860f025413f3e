import type { Durability } from '@spider/core';
import { toWireDurability } from '@spider/proto';

/** How a job is run. A job's definition may say it, and each submission otherwise. */
export interface JobPolicyOptions {
  /**
   * What of the job survives the death of storage. `job`: the job with its state; a running one starts
   * over. `task`: every finished task as well, once it is on disk, which takes a few milliseconds.
   * `sync`: as `task`, and nothing goes on from a finished task before it is on disk. Default: what
   * storage is configured to, `task` unless told otherwise.
   */
  readonly durability?: Durability;
}

/** The fields of a submission that say how its job is run. */
export const toWirePolicy = ({ durability }: JobPolicyOptions) => ({
  durability: toWireDurability(durability),
});
