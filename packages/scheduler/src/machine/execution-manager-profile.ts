import { type Labels, requirementKey } from '@spider/core';

/** What an execution manager may run. */
export interface ExecutionManagerProfile {
  readonly labels: Labels;
  /** The only resource groups that it serves; none stands for all. */
  readonly resourceGroupIds: readonly number[];
}

/** Serves all resource groups and has no labels. */
export const GENERAL_PROFILE: ExecutionManagerProfile = { labels: {}, resourceGroupIds: [] };

/** The same for profiles that mean the same. */
export function profileKey({ labels, resourceGroupIds }: ExecutionManagerProfile): string {
  const groups = [...new Set(resourceGroupIds)].toSorted((one, other) => one - other);
  return `${requirementKey(labels)} ${groups.join(',')}`;
}
