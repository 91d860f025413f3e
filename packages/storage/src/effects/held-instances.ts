import type { Job } from '../cache/job.ts';
import type { SlowInstances } from '../lease/running-instances.ts';

/** Instances that an execution manager holds, and that were issued at the same time. */
export interface HeldInstances extends SlowInstances {
  /** How long ago; 0 if that is not known. */
  readonly ageMs: number;
}

/** Those of which the job did not know: the others are watched already. */
export function withoutLive(
  { machine }: Job,
  { taskIndices, instances, ageMs }: HeldInstances,
): HeldInstances {
  const isNew = (position: number): boolean =>
    !machine.isLive(taskIndices[position] as number, instances[position] as number);
  return {
    taskIndices: taskIndices.filter((_, position) => isNew(position)),
    instances: instances.filter((_, position) => isNew(position)),
    ageMs,
  };
}
