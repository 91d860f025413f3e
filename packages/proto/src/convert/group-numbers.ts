import { invalidArgument, LIMITS } from '@spider/core';

/**
 * Resource groups as numbers, for where there are many of them.
 *
 * @throws SpiderError 'invalid-argument' that names the field and the rule.
 */
export function toGroupNumbers(ids: readonly bigint[], field: string): number[] {
  if (ids.length > LIMITS.dedicatedGroups) {
    throw invalidArgument(`${field}: ${ids.length} are more than ${LIMITS.dedicatedGroups}`);
  }
  return ids.map((id) => {
    const number = Number(id);
    if (number > 0 && Number.isSafeInteger(number)) return number;
    throw invalidArgument(`${field}: ${id} is not in 1…2^53−1`);
  });
}
