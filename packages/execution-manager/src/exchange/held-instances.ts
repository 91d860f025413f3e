import { create } from '@bufbuild/protobuf';
import { type JobInstances, JobInstancesSchema } from '@spider/proto';
import type { InstanceList, InstanceLot } from '../machine/instance-lot.ts';

const AGE_MS_MAX = 0xffff_ffff;

/** Instances in the columns of their message, those of a lot together, with their age. */
export function toJobInstances({ lots, positions }: InstanceList, nowUs: number): JobInstances[] {
  const byLot = new Map<InstanceLot, JobInstances>();
  lots.forEach((lot, i) => {
    const position = positions[i] as number;
    let group = byLot.get(lot);
    if (group === undefined) {
      const { jobId, instanceBase, arrivedUs } = lot;
      const ageMs = Math.min(Math.max(1, Math.round((nowUs - arrivedUs) / 1000)), AGE_MS_MAX);
      group = create(JobInstancesSchema, { jobId, instanceBase, ageMs });
      byLot.set(lot, group);
    }
    group.taskIndexes.push(lot.taskIndexes[position] as number);
    group.instanceOffsets.push(lot.instanceOffsets[position] as number);
  });
  return [...byLot.values()];
}
