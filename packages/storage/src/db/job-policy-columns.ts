import { DEFAULT_JOB_POLICY } from '@spider/core';
import type { Durability, FailurePolicy, JobPolicy, TimestampMs } from '@spider/core';

/** A job's policy as the table of jobs has it. */
interface JobPolicyColumns {
  /** Null for what storage does by default. */
  readonly durability: number | null;
  readonly failure_policy: number;
  readonly cleanup_after_failure: number;
  readonly deadline_ms: number | null;
  readonly deadline_at: number | null;
}

type JobPolicyRow = {
  readonly [Column in keyof JobPolicyColumns]: JobPolicyColumns[Column] | bigint;
};

const DURABILITIES: Record<Durability, number> = { job: 1, task: 2, sync: 3 };
const FAILURE_POLICIES: Record<FailurePolicy, number> = { 'fail-fast': 1, continue: 2 };

export const policyColumns = (policy: JobPolicy = DEFAULT_JOB_POLICY): JobPolicyColumns => ({
  durability: policy.durability === undefined ? null : DURABILITIES[policy.durability],
  failure_policy: FAILURE_POLICIES[policy.failurePolicy],
  cleanup_after_failure: policy.cleanupAfterFailure ? 1 : 0,
  deadline_ms: policy.deadlineMs ?? null,
  deadline_at: policy.deadlineAt ?? null,
});

/** What this version does not know is taken as usual. */
export const toJobPolicy = (row: JobPolicyRow): JobPolicy => ({
  durability: nameOf(DURABILITIES, row.durability),
  failurePolicy: nameOf(FAILURE_POLICIES, row.failure_policy) ?? DEFAULT_JOB_POLICY.failurePolicy,
  cleanupAfterFailure: Number(row.cleanup_after_failure) === 1,
  deadlineMs: toNumber(row.deadline_ms),
  deadlineAt: toNumber(row.deadline_at) as TimestampMs | undefined,
});

function nameOf<Name extends string>(
  numbers: Record<Name, number>,
  number: number | bigint | null,
): Name | undefined {
  const entry = Object.entries(numbers).find(([, known]) => known === Number(number));
  return entry?.[0] as Name | undefined;
}

const toNumber = (value: number | bigint | null): number | undefined =>
  value === null ? undefined : Number(value);
