import { describe, expect, test } from 'vitest';
import { silenceMs, storageConfigSchema } from './config.ts';

/** A configuration of the reference, with all that it requires. */
const REFERENCE = {
  host: '0.0.0.0',
  port: 50_051,
  runtime: {
    db: { host: 'db', port: 3306, name: 'spider', max_connections: 64 },
    inbound_queue: { task_capacity: 1_048_576, commit_capacity: 256, cleanup_capacity: 256 },
    task_instance_pool: {
      execution_manager_stale_cutoff_sec: 60,
      gc_interval_sec: 30,
      message_channel_capacity: 128,
    },
    job_cache_gc: { terminated_job_retention_sec: 300, gc_interval_sec: 30 },
  },
};

describe('the configuration', () => {
  test('may be empty', () => {
    const config = storageConfigSchema.parse({});
    expect(config).toMatchObject({
      host: '127.0.0.1',
      port: 50_051,
      scheduler: { embedded: true },
      runtime: {
        db: { engine: 'sqlite', path: 'spider-storage.sqlite' },
        journal: { durability: 'task', flush_interval_ms: 5, flush_records: 1024 },
      },
    });
    expect(silenceMs(config)).toBe(10_000);
  });

  test('does not make every late heartbeat the end of an execution manager', () => {
    const config = storageConfigSchema.parse({
      runtime: {
        execution_managers: { heartbeat_interval_ms: 5_000 },
        task_instance_pool: { execution_manager_stale_cutoff_sec: 1 },
      },
    });
    expect(silenceMs(config)).toBe(10_000);
  });

  test('of the reference is accepted', () => {
    const config = storageConfigSchema.parse(REFERENCE);
    expect(config.runtime.db).toEqual({
      engine: 'mysql',
      host: 'db',
      port: 3306,
      name: 'spider',
      maxConnections: 64,
      credentials: undefined,
    });
    expect(silenceMs(config)).toBe(60_000);
  });

  test('may name the socket of a MySQL on the same machine', () => {
    const db = { engine: 'mysql', socket_path: '/run/mysqld.sock', name: 'spider' };
    expect(storageConfigSchema.parse({ runtime: { db } }).runtime.db).toEqual({
      engine: 'mysql',
      socketPath: '/run/mysqld.sock',
      name: 'spider',
      maxConnections: 16,
      credentials: undefined,
    });
    const both = storageConfigSchema.safeParse({ runtime: { db: { ...db, host: 'db' } } });
    expect(both.error?.issues[0]?.message).toContain('one of host, hosts and socket_path');
  });

  test('may name the nodes of a cluster in place of one host', () => {
    const db = { hosts: [{ host: 'db-1' }, { host: 'db-2', port: 3307 }], name: 'spider' };
    expect(storageConfigSchema.parse({ runtime: { db } }).runtime.db).toEqual({
      engine: 'mysql',
      hosts: [
        { host: 'db-1', port: 3306 },
        { host: 'db-2', port: 3307 },
      ],
      name: 'spider',
      maxConnections: 16,
      credentials: undefined,
    });
    const both = storageConfigSchema.safeParse({ runtime: { db: { ...db, host: 'db' } } });
    expect(both.error?.issues[0]?.message).toContain('one of host, hosts and socket_path');
  });

  test.for<[string, object, string]>([
    ['a port in quotes', { port: '50051' }, 'port'],
    ['a port that is none', { port: 65_536 }, 'port'],
    [
      'an engine that does not exist',
      { runtime: { db: { engine: 'oracle' } } },
      'runtime.db.engine',
    ],
    ['a MySQL without a name', { runtime: { db: { engine: 'mysql', host: 'db' } } }, 'runtime.db'],
    ['no time at all', { runtime: { journal: { flush_interval_ms: 0 } } }, 'flush_interval_ms'],
    [
      'an ended job that is kept for no time',
      { runtime: { job_cache_gc: { terminated_job_retention_sec: 0 } } },
      'terminated_job_retention_sec',
    ],
    [
      'a limit of no tasks',
      { runtime: { concurrency: { resource_groups: { 2: 0 } } } },
      'runtime.concurrency.resource_groups.2',
    ],
    [
      'a limit for a function without its package',
      { runtime: { concurrency: { task_kinds: { 'math::add': 2 } } } },
      'runtime.concurrency.task_kinds.math::add',
    ],
    ['half credentials', { runtime: { db: { credentials: { username: 'a' } } } }, 'password'],
  ])('refuses %s', ([, config, path]) => {
    const { error } = storageConfigSchema.safeParse(config);
    const paths = error?.issues.map((issue) => issue.path.join('.'));
    expect(paths).toEqual([expect.stringContaining(path)]);
  });
});

test('a lease that one late renewal would end is refused', () => {
  const parse = (lease: unknown) => storageConfigSchema.safeParse({ runtime: { lease } });
  expect(parse({ duration_ms: 1500 }).error?.message).toContain('at least twice renew_ms');
  expect(parse({ duration_ms: 1500, renew_ms: 500 }).success).toBe(true);
});
