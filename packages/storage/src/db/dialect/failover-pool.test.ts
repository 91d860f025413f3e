import type { Pool, PoolConnection } from 'mysql2';
import { describe, expect, test } from 'vitest';
import { FailoverPool } from './failover-pool.ts';

interface FakeServer {
  readonly name: string;
  /** What a connection to it, a preparation or a statement ends with. */
  connectError?: string;
  prepareError?: string;
  statementError?: string;
  destroyed: number;
  ended: boolean;
}

const failed = (code: string): Error => Object.assign(new Error(code), { code });

function fakePool(server: FakeServer): Pool {
  const connection = {
    config: {},
    threadId: 1,
    server,
    destroy: () => (server.destroyed += 1),
    release: () => undefined,
    query: (_: object, callback: (error: Error | null, result: unknown) => void) => {
      const code = server.statementError;
      callback(code === undefined ? null : failed(code), [{ server: server.name }]);
    },
  };
  const pool = {
    getConnection: (callback: (error: Error | null, found: unknown) => void) => {
      const code = server.connectError;
      callback(code === undefined ? null : failed(code), connection);
    },
    promise: () => ({ end: async () => void (server.ended = true) }),
  };
  return pool as unknown as Pool;
}

function openCluster(): { servers: [FakeServer, FakeServer, FakeServer]; pool: FailoverPool } {
  const make = (name: string): FakeServer => ({ name, destroyed: 0, ended: false });
  const servers: [FakeServer, FakeServer, FakeServer] = [make('a'), make('b'), make('c')];
  const pool = new FailoverPool({
    pools: servers.map(fakePool),
    prepare: async (connection) => {
      const code = (connection as PoolConnection & { server: FakeServer }).server.prepareError;
      if (code !== undefined) throw failed(code);
    },
    statementTimeoutMs: 1_000,
  });
  return { servers, pool };
}

/** The server that answers a statement. @throws what it failed with. */
async function ask(pool: FailoverPool): Promise<string> {
  const connection = await new Promise<Parameters<Parameters<FailoverPool['getConnection']>[0]>[1]>(
    (resolve, reject) => {
      pool.getConnection((error, found) =>
        error === null ? resolve(found) : reject(failed((error as { code: string }).code)),
      );
    },
  );
  return await new Promise((resolve, reject) => {
    connection.query('select 1', [], (error, rows) => {
      connection.release();
      if (error === null) resolve((rows as unknown as [{ server: string }])[0].server);
      else reject(failed((error as { code: string }).code));
    });
  });
}

describe('the pool of a cluster', () => {
  test('stays with a server as long as it answers', async () => {
    const { servers, pool } = openCluster();
    expect([await ask(pool), await ask(pool)]).toEqual(['a', 'a']);
    servers[0].connectError = 'ECONNREFUSED';
    expect(await ask(pool)).toBe('b');
    delete servers[0].connectError;
    expect(await ask(pool)).toBe('b');
  });

  test('asks the next one if a node does not belong to the cluster just now', async () => {
    const { servers, pool } = openCluster();
    servers[0].prepareError = 'ER_UNKNOWN_COM_ERROR';
    servers[1].connectError = 'ETIMEDOUT';
    expect(await ask(pool)).toBe('c');
    expect(servers[0].destroyed).toBe(1);
  });

  test.each(['ER_UNKNOWN_COM_ERROR', 'PROTOCOL_SEQUENCE_TIMEOUT', 'PROTOCOL_CONNECTION_LOST'])(
    'leaves a server whose statement ends with %s; the statement is not repeated',
    async (code) => {
      const { servers, pool } = openCluster();
      servers[0].statementError = code;
      await expect(ask(pool)).rejects.toThrow(code);
      expect(servers[0].destroyed).toBe(1);
      expect(await ask(pool)).toBe('b');
    },
  );

  test('stays with a server that refuses a statement or who asks', async () => {
    const { servers, pool } = openCluster();
    servers[0].statementError = 'ER_LOCK_DEADLOCK';
    await expect(ask(pool)).rejects.toThrow('ER_LOCK_DEADLOCK');
    delete servers[0].statementError;
    expect(await ask(pool)).toBe('a');
    servers[0].connectError = 'ER_ACCESS_DENIED_ERROR';
    await expect(ask(pool)).rejects.toThrow('ER_ACCESS_DENIED_ERROR');
  });

  test('fails when none can be used, having asked each once, and goes on when one is back', async () => {
    const { servers, pool } = openCluster();
    for (const server of servers) server.connectError = 'ECONNREFUSED';
    await expect(ask(pool)).rejects.toThrow('ECONNREFUSED');
    delete servers[2].connectError;
    expect(await ask(pool)).toBe('c');
  });

  test('ends with all of its connections', async () => {
    const { servers, pool } = openCluster();
    await new Promise<void>((resolve) => {
      pool.end(() => resolve());
    });
    expect(servers.map(({ ended }) => ended)).toEqual([true, true, true]);
  });
});
