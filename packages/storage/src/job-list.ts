import { checkLabels, ID_MAX, invalidArgument, LIMITS, toId } from '@spider/core';
import type { JobId } from '@spider/core';
import type { JobCache } from './cache/job-cache.ts';
import { storedJobStatus } from './cache/job-status.ts';
import type { JobStatus } from './cache/job-status.ts';
import type { JobFilter, JobStore, StoredJob } from './db/job-store.ts';
import { checkText } from './rpc/check.ts';

/** What is asked of a list. */
export interface PageRequest {
  /** 0 asks for the default. */
  readonly pageSize: number;
  /** Empty for the first page. */
  readonly pageToken: string;
}

export interface JobPage {
  readonly jobs: readonly JobStatus[];
  /** Empty after the last page. */
  readonly nextPageToken: string;
}

/**
 * The newest jobs that pass a filter, from the database, with the counts of those in memory.
 *
 * @throws SpiderError 'invalid-argument' naming the field and the limit.
 */
export async function listJobs(
  filter: JobFilter,
  request: PageRequest,
  { store, cache }: { readonly store: JobStore; readonly cache: JobCache },
): Promise<JobPage> {
  checkFilter(filter);
  const pageSize = checkPageSize(request);
  const before = readPageToken(request, ID_MAX);
  const found = await store.listJobs(filter, toId<JobId>(before), pageSize + 1);
  const jobs = fitIntoPage(found.slice(0, pageSize).map((stored) => statusOf(stored, cache)));
  const isLast = jobs.length === found.length;
  return { jobs, nextPageToken: isLast ? '' : String(jobs.at(-1)?.id) };
}

/** As many of the jobs, from the first on, as a message can hold. */
function fitIntoPage(jobs: readonly JobStatus[]): readonly JobStatus[] {
  let bytes = 0;
  const end = jobs.findIndex((job) => (bytes += textBytes(job)) > LIMITS.pageTextBytes);
  return end === -1 ? jobs : jobs.slice(0, end);
}

function textBytes({ metadata, errorMessage, endReason }: JobStatus): number {
  const texts = [
    metadata.name,
    errorMessage?.slice(0, LIMITS.listedErrorLength) ?? '',
    endReason?.slice(0, LIMITS.listedErrorLength) ?? '',
    ...Object.keys(metadata.labels),
    ...Object.values(metadata.labels),
  ];
  return texts.reduce((sum, text) => sum + Buffer.byteLength(text), 0);
}

/** @throws SpiderError 'invalid-argument' naming the limit. */
export function checkPageSize({ pageSize }: PageRequest): number {
  if (pageSize <= LIMITS.pageSize) return pageSize === 0 ? LIMITS.pageSizeDefault : pageSize;
  throw invalidArgument(`page_size: ${pageSize} is more than ${LIMITS.pageSize}`);
}

/**
 * The number that a page token stands for.
 *
 * @throws SpiderError 'invalid-argument' if no page came with it.
 */
export function readPageToken({ pageToken }: PageRequest, first: bigint): bigint {
  if (pageToken === '') return first;
  const number = /^\d{1,20}$/.test(pageToken) ? BigInt(pageToken) : ID_MAX + 1n;
  if (number <= ID_MAX) return number;
  throw invalidArgument('page_token: is not the next_page_token of another page');
}

function checkFilter({ states, labels, namePrefix }: JobFilter): void {
  checkStateCount(states);
  checkLabels(labels, 'labels', LIMITS.labelsPerJob);
  checkText('name_prefix', namePrefix, LIMITS.jobNameBytes);
}

/** @throws SpiderError 'invalid-argument' naming the limit. */
export function checkStateCount(states: readonly number[]): void {
  if (states.length <= LIMITS.statesPerFilter) return;
  throw invalidArgument(`states: ${states.length} are more than ${LIMITS.statesPerFilter}`);
}

/** A job that has moved on since it was read is shown as it was read: so it passes the filter. */
function statusOf(stored: StoredJob, cache: JobCache): JobStatus {
  const cached = cache.status(stored.id);
  return cached?.state === stored.state ? cached : storedJobStatus(stored);
}
