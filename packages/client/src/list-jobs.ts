import type { JobState, ResourceGroupId, TimestampMs } from '@spider/core';
import { toWireJobState } from '@spider/proto';
import type { JobServiceCaller } from './job-service-caller.ts';
import { fromWireJobStatus, type JobStatus } from './job-status.ts';
import { READ_ROUNDS } from './read-rounds.ts';

/** Which jobs a list is to have: those that pass everything that is set. */
export interface JobFilter {
  /** Jobs of this group; 0 is the default one. Default: of all groups. */
  readonly resourceGroupId?: ResourceGroupId;
  /** Jobs in one of these states. Default: in any. */
  readonly states?: readonly JobState[];
  /** Jobs that have all these labels, with these values. */
  readonly labels?: Readonly<Record<string, string>>;
  /** What the job's name starts with. */
  readonly namePrefix?: string;
  /** Jobs submitted at this time or later. */
  readonly submittedFromMs?: TimestampMs;
  /** Jobs submitted before this time. */
  readonly submittedBeforeMs?: TimestampMs;
}

export interface ListOptions {
  /** How many are fetched at a time, at most 1,000. Default: 100. */
  readonly pageSize?: number;
  readonly signal?: AbortSignal;
}

/** The jobs that pass a filter, the newest first, fetched page by page as they are asked for. */
export async function* listJobs(
  caller: JobServiceCaller,
  { pageSize = 0, signal, ...filter }: JobFilter & ListOptions,
): AsyncGenerator<JobStatus, void> {
  const { states = [], labels = {}, namePrefix = '' } = filter;
  for (let pageToken = ''; ;) {
    const request = {
      ...(filter.resourceGroupId !== undefined && { resourceGroupId: filter.resourceGroupId }),
      states: states.map(toWireJobState),
      labels,
      namePrefix,
      submittedFromMs: BigInt(filter.submittedFromMs ?? 0),
      submittedBeforeMs: BigInt(filter.submittedBeforeMs ?? 0),
      pageSize,
      pageToken,
    };
    const { jobs, nextPageToken } = await caller.call(
      (client, call) => client.listJobs(request, call),
      { maxRounds: READ_ROUNDS, signal },
    );
    for (const job of jobs) yield fromWireJobStatus(job);
    if (nextPageToken === '') return;
    pageToken = nextPageToken;
  }
}
