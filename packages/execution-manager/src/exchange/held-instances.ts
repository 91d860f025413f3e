import { create } from '@bufbuild/protobuf';
import { type JobInstances, JobInstancesSchema } from '@spider/proto';
import type { InstanceList, InstanceLot } from '../machine/instance-lot.ts';

/** Instances in the columns of their message, those of a lot together. */
export function toJobInstances({ lots, positions }: InstanceList): JobInstances[] {
  const byLot = new Map<InstanceLot, JobInstances>();
  lots.forEach((lot, i) => {
    const position = positions[i] as number;
    let group = byLot.get(lot);
    if (group === undefined) {
      const { jobId, instanceBase } = lot;
      group = create(JobInstancesSchema, { jobId, instanceBase });
      byLot.set(lot, group);
    }
    group.taskIndexes.push(lot.taskIndexes[position] as number);
    group.instanceOffsets.push(lot.instanceOffsets[position] as number);
  });
  return [...byLot.values()];
}
