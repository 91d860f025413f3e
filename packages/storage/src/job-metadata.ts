import { checkLabels, type Labels, LIMITS } from '@spider/core';
import { checkText } from './rpc/check.ts';

/** What a submission says of its job beside what it does. Never changed afterwards. */
export interface JobMetadata {
  /** Empty for none. */
  readonly name: string;
  readonly labels: Labels;
  /** Higher goes first; 0 is usual. */
  readonly priority: number;
  /** Labels that an execution manager must have to run its tasks. */
  readonly requires: Labels;
  /** How many of its tasks may be with execution managers at a time; 0 for any number. */
  readonly maxConcurrency: number;
}

export const NO_METADATA: JobMetadata = {
  name: '',
  labels: {},
  priority: 0,
  requires: {},
  maxConcurrency: 0,
};

/** @throws SpiderError 'invalid-argument' naming the field and the limit. */
export function checkMetadata({ name, labels, requires }: JobMetadata): void {
  checkText('name', name, LIMITS.jobNameBytes);
  checkLabels(labels, 'labels', LIMITS.labelsPerJob);
  checkLabels(requires, 'requires', LIMITS.requiredLabels);
}
