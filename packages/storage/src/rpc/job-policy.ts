import { DEFAULT_JOB_POLICY, invalidArgument, LIMITS } from '@spider/core';
import type { Durability, FailurePolicy, JobPolicy, TimestampMs } from '@spider/core';
import {
  fromWireDurability,
  fromWireFailurePolicy,
  toWireDurability,
  toWireFailurePolicy,
} from '@spider/proto';
import type { SubmitJobRequest } from '@spider/proto';
import { deadlineOf } from '../job-deadline.ts';

/** @throws SpiderError 'invalid-argument' naming the field in which something is wrong. */
export const toJobPolicy = (request: SubmitJobRequest): JobPolicy => ({
  durability: checkDurability(request.durability),
  failurePolicy: checkFailurePolicy(request.failurePolicy),
  cleanupAfterFailure: request.cleanupAfterFailure,
  deadlineMs: checkTime('deadline_ms', request.deadlineMs, LIMITS.jobDeadlineMsMax),
  deadlineAt: checkTime('deadline_at_ms', request.deadlineAtMs, LIMITS.timestampMsMax) as
    TimestampMs | undefined,
});

/** The policy of a job that was started at some time, or was not. */
export const toWirePolicy = (policy: JobPolicy, startedAt: TimestampMs | undefined) => ({
  durability: toWireDurability(policy.durability),
  failurePolicy: toWireFailurePolicy(policy.failurePolicy),
  cleanupAfterFailure: policy.cleanupAfterFailure,
  deadlineMs: BigInt(policy.deadlineMs ?? 0),
  deadlineAtMs: BigInt(deadlineOf(policy, startedAt) ?? 0),
});

function checkDurability(number: number): Durability | undefined {
  const durability = fromWireDurability(number);
  if (number === 0 || durability !== undefined) return durability;
  throw invalidArgument(`durability: there is none of the number ${number}`);
}

function checkFailurePolicy(number: number): FailurePolicy {
  if (number === 0) return DEFAULT_JOB_POLICY.failurePolicy;
  const policy = fromWireFailurePolicy(number);
  if (policy !== undefined) return policy;
  throw invalidArgument(`failure_policy: there is none of the number ${number}`);
}

/** 0 stands for none. */
function checkTime(field: string, ms: bigint, mostMs: number): number | undefined {
  if (ms > mostMs) throw invalidArgument(`${field}: ${ms} is more than ${mostMs}`);
  return ms === 0n ? undefined : Number(ms);
}
