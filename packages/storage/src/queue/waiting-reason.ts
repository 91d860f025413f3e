import { isFinalJobState, JobState, type Labels } from '@spider/core';
import type { Job } from '../cache/job.ts';
import type { ReadyTaskFeed } from './ready-task-feed.ts';

/** Why ready tasks of a job cannot run for now; undefined if they can, or if none is ready. */
export function waitingReason(
  job: Job,
  { isStandingBy, pools }: Pick<ReadyTaskFeed, 'isStandingBy' | 'pools'>,
): string | undefined {
  const { machine, metadata, isSettling, resourceGroupNumber } = job;
  if (isSettling || machine.state === JobState.Ready || isFinalJobState(machine.state)) {
    return undefined;
  }
  if (!machine.hasReady) return undefined;
  const { requires } = metadata;
  if (isStandingBy) {
    return Object.keys(requires).length === 0
      ? undefined
      : `the scheduler knows nothing of labels, and the job requires ${toText(requires)}`;
  }
  if (pools === undefined) return 'no scheduler is connected';
  if (pools.size === 0) return 'no execution manager is connected';
  const serving = [...pools.all()].filter((pool) => pool.serves(resourceGroupNumber));
  if (serving.length === 0)
    return `no execution manager serves resource group ${job.resourceGroupId}`;
  const requirement = job.place?.job.requirement ?? '';
  if (serving.some((pool) => pool.meets(requirement))) return undefined;
  return `no execution manager has the labels ${toText(requires)}`;
}

const toText = (labels: Labels): string =>
  Object.entries(labels)
    .map(([key, value]) => `${key}=${value}`)
    .join(', ');
