import type { Checker } from '../observer.ts';
import { acceptedOnce } from './accepted-once.ts';
import { cancelledStartsNothing } from './cancelled-starts-nothing.ts';
import { commitExcludesCleanup } from './commit-excludes-cleanup.ts';
import { flushedNeverAgain } from './flushed-never-again.ts';
import { instancesLimited } from './instances-limited.ts';
import { lightTenantNotStarved } from './light-tenant-not-starved.ts';
import { limitsKept } from './limits-kept.ts';
import { outputsRight } from './outputs-right.ts';
import { parentsFirst } from './parents-first.ts';
import { placementKept } from './placement-kept.ts';
import { progressNeverBack } from './progress-never-back.ts';
import { retriesKept } from './retries-kept.ts';
import { supersededWritesNothing } from './superseded-writes-nothing.ts';

/** The promises that are checked from outside, while a world runs. */
export const CHECKERS: readonly Checker[] = [
  outputsRight,
  acceptedOnce,
  flushedNeverAgain,
  commitExcludesCleanup,
  parentsFirst,
  cancelledStartsNothing,
  retriesKept,
  instancesLimited,
  supersededWritesNothing,
  progressNeverBack,
  placementKept,
  limitsKept,
  lightTenantNotStarved,
];
