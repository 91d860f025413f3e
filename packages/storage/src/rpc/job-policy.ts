import { DEFAULT_JOB_POLICY, invalidArgument } from '@spider/core';
import type { Durability, JobPolicy } from '@spider/core';
import { fromWireDurability } from '@spider/proto';
import type { SubmitJobRequest } from '@spider/proto';

/** @throws SpiderError 'invalid-argument' naming the field in which something is wrong. */
export const toJobPolicy = (request: SubmitJobRequest): JobPolicy => ({
  ...DEFAULT_JOB_POLICY,
  durability: checkDurability(request.durability),
});

function checkDurability(number: number): Durability | undefined {
  const durability = fromWireDurability(number);
  if (number === 0 || durability !== undefined) return durability;
  throw invalidArgument(`durability: there is none of the number ${number}`);
}
