import { ID_MAX, toId } from '@spider/core';
import type { ExecutionManagerId, TimestampMs } from '@spider/core';
import type { Clock } from '@spider/runtime';
import type { ClusterStore, StoredExecutionManager } from '../db/job-store.ts';
import { checkPageSize, readPageToken } from '../job-list.ts';
import type { PageRequest } from '../job-list.ts';
import type { ExecutionManagerRegistry } from './execution-manager-registry.ts';
import type { ExecutionManager, WorkerLoad } from './execution-manager.ts';

/** What is to be known of an execution manager, dead or alive. */
export interface ExecutionManagerView {
  readonly id: ExecutionManagerId;
  readonly host: string;
  readonly version: string;
  readonly slots: number;
  readonly state: 'alive' | 'draining' | 'dead';
  readonly isConnected: boolean;
  /** Undefined for a dead one. */
  readonly load: WorkerLoad | undefined;
  readonly registeredAt: TimestampMs;
  readonly lastHeardAt: TimestampMs | undefined;
  readonly drainRequestedAt: TimestampMs | undefined;
  readonly endedAt: TimestampMs | undefined;
  readonly endReason: string | undefined;
}

export interface ExecutionManagerPage {
  readonly executionManagers: readonly ExecutionManagerView[];
  /** Empty after the last page. */
  readonly nextPageToken: string;
}

export interface ListOptions {
  readonly clock: Clock;
  readonly registry: ExecutionManagerRegistry;
  readonly store: Pick<ClusterStore, 'pageExecutionManagers'>;
}

/**
 * The execution managers by descending id: those that are alive from memory, all of them from the
 * database.
 *
 * @throws SpiderError 'invalid-argument' naming the field of the page and the limit.
 */
export async function listExecutionManagers(
  includeDead: boolean,
  request: PageRequest,
  options: ListOptions,
): Promise<ExecutionManagerPage> {
  const pageSize = checkPageSize(request);
  const before = toId<ExecutionManagerId>(readPageToken(request, ID_MAX));
  const found = includeDead
    ? await listAll(before, pageSize + 1, options)
    : listAlive(before, pageSize + 1, options);
  const page = found.slice(0, pageSize);
  return {
    executionManagers: page,
    nextPageToken: found.length > pageSize ? String(page.at(-1)?.id) : '',
  };
}

function listAlive(
  before: ExecutionManagerId,
  limit: number,
  { registry, clock }: ListOptions,
): ExecutionManagerView[] {
  return [...registry.all()]
    .filter(({ id }) => id < before)
    .sort((a, b) => b.number - a.number)
    .slice(0, limit)
    .map((executionManager) => viewOf(executionManager, clock));
}

async function listAll(
  before: ExecutionManagerId,
  limit: number,
  { registry, store, clock }: ListOptions,
): Promise<ExecutionManagerView[]> {
  const stored = await store.pageExecutionManagers(before, limit);
  return stored.map((row) => {
    const executionManager = registry.find(row.id);
    return executionManager === undefined ? viewOfDead(row) : viewOf(executionManager, clock);
  });
}

function viewOf(executionManager: ExecutionManager, clock: Clock): ExecutionManagerView {
  const { id, host, version, slots, load, registeredAt, drainRequestedAt } = executionManager;
  return {
    id,
    host,
    version,
    slots,
    state: executionManager.isDraining ? 'draining' : 'alive',
    isConnected: executionManager.link !== undefined,
    load,
    registeredAt,
    lastHeardAt: timeOf(executionManager.lastHeardUs, clock),
    drainRequestedAt,
    endedAt: undefined,
    endReason: undefined,
  };
}

/** One that has just been registered, or could not be marked as lost, has no end in the database. */
const viewOfDead = (stored: StoredExecutionManager): ExecutionManagerView => ({
  ...stored,
  state: 'dead',
  isConnected: false,
  load: undefined,
  lastHeardAt: undefined,
});

function timeOf(monotonicUs: number | undefined, clock: Clock): TimestampMs | undefined {
  if (monotonicUs === undefined) return undefined;
  const agoMs = Math.round((clock.monotonicUs() - monotonicUs) / 1000);
  return (clock.now() - agoMs) as TimestampMs;
}
