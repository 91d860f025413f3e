import { invalidArgument, LIMITS } from '@spider/core';
import { checkText } from './rpc/check.ts';

/** What a submission says of its job beside what it does. Never changed afterwards. */
export interface JobMetadata {
  /** Empty for none. */
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  /** Higher goes first; 0 is usual. */
  readonly priority: number;
}

export const NO_METADATA: JobMetadata = { name: '', labels: {}, priority: 0 };

/** @throws SpiderError 'invalid-argument' naming the field and the limit. */
export function checkMetadata({ name, labels }: JobMetadata): void {
  checkText('name', name, LIMITS.jobNameBytes);
  checkLabels(labels);
}

/** @throws SpiderError 'invalid-argument' naming the label and the limit. */
export function checkLabels(labels: Readonly<Record<string, string>>): void {
  const entries = Object.entries(labels);
  if (entries.length > LIMITS.labelsPerJob) {
    throw invalidArgument(`labels: ${entries.length} are more than ${LIMITS.labelsPerJob}`);
  }
  for (const [key, value] of entries) {
    if (key === '') throw invalidArgument('labels: a key is empty');
    checkText('labels: key', key, LIMITS.labelKeyBytes);
    checkText(`labels[${JSON.stringify(key)}]`, value, LIMITS.labelValueBytes);
  }
}
