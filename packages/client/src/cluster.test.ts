import type { ServiceImpl } from '@connectrpc/connect';
import { invalidArgument, notFound, SpiderError, toId } from '@spider/core';
import {
  ClusterService,
  type ListExecutionManagersRequest,
  WireExecutionManagerState as State,
  WireServerRole,
} from '@spider/proto';
import { startRpcServer } from '@spider/runtime';
import { afterEach, describe, expect, it } from 'vitest';
import { connect, type ExecutionManagerStatus } from './index.ts';

let stack = new AsyncDisposableStack();

afterEach(async () => {
  await stack.disposeAsync();
  stack = new AsyncDisposableStack();
});

type Service = Partial<ServiceImpl<typeof ClusterService>>;

async function serve(service: Service, unavailable?: string): Promise<string> {
  const server = await startRpcServer({
    routes: (router) => router.service(ClusterService, service),
    ...(unavailable !== undefined && { unavailable }),
  });
  stack.defer(() => server.close({ graceMs: 0 }));
  return server.url;
}

const clusterAt = (...endpoints: string[]) => stack.use(connect({ endpoints })).cluster;

describe('the servers', () => {
  it('are asked one by one, and those that do not answer do not keep the others from it', async () => {
    const active = await serve({
      getServerInfo: () => ({
        version: '0.1.0',
        role: WireServerRole.ACTIVE,
        sessionId: 12n,
        databaseEngine: 'mysql',
        startedAtMs: 5n,
        uptimeMs: 6n,
      }),
    });
    const standby = await serve({ getServerInfo: () => ({ role: WireServerRole.STANDBY }) });
    const gone = 'http://127.0.0.1:1';
    const servers = await clusterAt(active, gone, standby).servers();
    expect(servers).toMatchObject([
      {
        url: active,
        version: '0.1.0',
        role: 'active',
        sessionId: 12n,
        databaseEngine: 'mysql',
        startedAt: 5,
        uptimeMs: 6,
      },
      { url: gone, error: { code: 'unavailable' } },
      { url: standby, role: 'standby' },
    ]);
    expect(servers[2]).not.toHaveProperty('sessionId', 0n);
  });

  it('are not asked for any longer when the caller gives up', async () => {
    const url = await serve({ getServerInfo: () => Promise.withResolvers<never>().promise });
    const signal = AbortSignal.abort(new Error('enough'));
    await expect(clusterAt(url).servers({ signal })).rejects.toThrow('enough');
  });
});

describe('execution managers', () => {
  it('come page by page, as far as the loop goes', async () => {
    const requests: ListExecutionManagersRequest[] = [];
    const url = await serve({
      listExecutionManagers(request) {
        requests.push(request);
        if (request.pageToken === '') {
          return {
            executionManagers: [
              {
                executionManagerId: 9n,
                host: 'a',
                version: '0.1.0',
                slots: 8,
                state: State.DRAINING,
                connected: true,
                runningTasks: 1,
                waitingTasks: 2,
                unflushedReports: 3,
                registeredAtMs: 4n,
                lastHeardAtMs: 5n,
                drainRequestedAtMs: 6n,
              },
            ],
            nextPageToken: '9',
          };
        }
        return {
          executionManagers: [
            { executionManagerId: 8n, state: State.DEAD, endedAtMs: 7n, endReason: 'it has left' },
            { executionManagerId: 7n, state: State.ALIVE },
          ],
        };
      },
    });
    const found: ExecutionManagerStatus[] = [];
    const cluster = clusterAt(url);
    const all = cluster.executionManagers({ includeDead: true, pageSize: 1 });
    expect(requests).toEqual([]);
    for await (const manager of all) found.push(manager);
    expect(
      requests.map(({ includeDead, pageSize, pageToken }) => [includeDead, pageSize, pageToken]),
    ).toEqual([
      [true, 1, ''],
      [true, 1, '9'],
    ]);
    expect(found).toEqual([
      {
        id: 9n,
        host: 'a',
        version: '0.1.0',
        slots: 8,
        state: 'draining',
        isConnected: true,
        runningTasks: 1,
        waitingTasks: 2,
        unflushedReports: 3,
        registeredAt: 4,
        lastHeardAt: 5,
        drainRequestedAt: 6,
        endedAt: undefined,
        endReason: undefined,
      },
      expect.objectContaining({ id: 8n, state: 'dead', endedAt: 7, endReason: 'it has left' }),
      expect.objectContaining({ id: 7n, state: 'alive', lastHeardAt: undefined }),
    ]);
  });

  it('are told to drain, by their id', async () => {
    const asked: bigint[] = [];
    const url = await serve({
      drainExecutionManager({ executionManagerId }) {
        asked.push(executionManagerId);
        if (executionManagerId === 404n) throw notFound('no such execution manager');
        return { state: executionManagerId === 1n ? State.DEAD : State.DRAINING };
      },
    });
    const cluster = clusterAt(url);
    expect(await cluster.drain(toId(7))).toBe('draining');
    expect(await cluster.drain(toId(1))).toBe('dead');
    await expect(cluster.drain(toId(404))).rejects.toMatchObject({ code: 'not-found' });
    expect(asked).toEqual([7n, 1n, 404n]);
  });
});

it('queues and schedulers are those of the active storage', async () => {
  const depth = { readyTasks: 1n, handedOutTasks: 2n, waitingPolls: 3 };
  const active = await serve({
    getQueues: () => ({
      regular: depth,
      journal: { records: 4n, bytes: 5n, lagMs: 6n },
      unfinishedJobs: 7n,
    }),
    listSchedulers: () => ({
      schedulers: [{ schedulerId: 1n, host: 'b', port: 2, registeredAtMs: 3n, connected: true }],
    }),
  });
  const refuse = (): never => {
    throw new SpiderError('unavailable', 'ask the active one');
  };
  const standby = await serve({ getQueues: refuse, listSchedulers: refuse });
  const cluster = clusterAt(standby, active);
  const none = { readyTasks: 0, handedOutTasks: 0, waitingPolls: 0 };
  expect(await cluster.queues()).toEqual({
    commit: none,
    cleanup: none,
    regular: { readyTasks: 1, handedOutTasks: 2, waitingPolls: 3 },
    journal: { records: 4, bytes: 5, lagMs: 6 },
    unfinishedJobs: 7,
  });
  expect(await cluster.schedulers()).toEqual([
    { id: 1n, host: 'b', port: 2, registeredAt: 3, isConnected: true },
  ]);
});

it('what a page may not have is said at once', async () => {
  const url = await serve({
    listExecutionManagers() {
      throw invalidArgument('page_size: 1001 is more than 1000');
    },
  });
  const first = clusterAt(url).executionManagers({ pageSize: 1001 }).next();
  await expect(first).rejects.toMatchObject({ code: 'invalid-argument' });
});
