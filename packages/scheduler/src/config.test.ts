import { describe, expect, test } from 'vitest';

import { schedulerConfigSchema } from './config.ts';

describe('the configuration of a scheduler', () => {
  test('needs no more than the endpoint of storage', () => {
    const config = schedulerConfigSchema.parse({
      storage_endpoint: { host: '10.0.0.1', port: 50_051 },
    });

    expect(config).toEqual({
      host: '127.0.0.1',
      port: 50_052,
      storageEndpoints: ['http://10.0.0.1:50051'],
      auth: { mode: 'open', clusterCertificates: [] },
      insecure: false,
      advertisedEndpoint: undefined,
      stopTimeoutMs: 30_000,
      policy: 'weighted_fair',
      sharing: { weights: new Map(), jobOrder: 'fair' },
      readyTaskCapacity: 16_384,
      activeJobs: 1024,
      acknowledgementTimeoutMs: 30_000,
      executionManagersMax: 16_384,
      limits: {
        connections: 20_000,
        callsPerConnection: 1_000,
        requestBytes: 268_435_456,
        healthWatches: 256,
      },
    });
  });

  test("takes the reference's file as it is", () => {
    const config = schedulerConfigSchema.parse({
      host: '0.0.0.0',
      port: 50_052,
      storage_endpoint: { host: 'storage', port: 50_051 },
      connection_pool_size: 8,
      runtime: {
        advertised_endpoint: { host: 'scheduler', port: 50_052 },
        em_registry: { dead_em_cutoff_sec: 12, liveness_tracking_interval_ms: 1000 },
        scheduler: {
          policy: 'round_robin',
          config: {
            active_job_queue_capacity: 64,
            dispatch_queue_capacity: 16,
            ready_task_capacity: 4096,
            commit_ready_task_capacity: 256,
            cleanup_ready_task_capacity: 256,
            storage_poll_timeout_ms: 10,
            tick_interval_ms: 5,
            finalizing_job_expiration_timeout_sec: 300,
          },
        },
      },
    });

    expect(config).toMatchObject({
      host: '0.0.0.0',
      storageEndpoints: ['http://storage:50051'],
      advertisedEndpoint: { host: 'scheduler', port: 50_052 },
      policy: 'round_robin',
      readyTaskCapacity: 4096,
      activeJobs: 64,
      acknowledgementTimeoutMs: 12_000,
    });
  });

  test('says how resource groups share', () => {
    const config = schedulerConfigSchema.parse({
      storage_endpoint: { host: 'a', port: 1 },
      runtime: { scheduler: { weights: { 2: 3, 17: 1 }, job_order: 'critical-path' } },
    });

    expect(config.sharing).toEqual({
      weights: new Map([
        [2, 3],
        [17, 1],
      ]),
      jobOrder: 'critical-path',
    });
  });

  test('may name several storages', () => {
    const config = schedulerConfigSchema.parse({
      storage_endpoints: [
        { host: 'a', port: 1 },
        { host: '::1', port: 2 },
      ],
    });

    expect(config.storageEndpoints).toEqual(['http://a:1', 'http://[::1]:2']);
  });

  test.for([
    ['no storage', {}, 'storage_endpoint'],
    [
      'both kinds of storage',
      { storage_endpoint: { host: 'a', port: 1 }, storage_endpoints: [{ host: 'b', port: 1 }] },
      'storage_endpoint',
    ],
    [
      'a host that is none',
      { storage_endpoint: { host: 'a b', port: 1 } },
      'storage_endpoint.host',
    ],
    ['a quoted port', { storage_endpoint: { host: 'a', port: '1' } }, 'storage_endpoint.port'],
    [
      'a capacity of 0',
      {
        storage_endpoint: { host: 'a', port: 1 },
        runtime: { scheduler: { config: { ready_task_capacity: 0 } } },
      },
      'runtime.scheduler.config.ready_task_capacity',
    ],
    [
      'a weight of 0',
      { storage_endpoint: { host: 'a', port: 1 }, runtime: { scheduler: { weights: { 2: 0 } } } },
      'runtime.scheduler.weights.2',
    ],
    [
      'a group that is no id',
      {
        storage_endpoint: { host: 'a', port: 1 },
        runtime: { scheduler: { weights: { acme: 1 } } },
      },
      'runtime.scheduler.weights.acme',
    ],
    [
      'an unknown policy',
      { storage_endpoint: { host: 'a', port: 1 }, runtime: { scheduler: { policy: 'lifo' } } },
      'runtime.scheduler.policy',
    ],
  ] as const)('with %s is refused', ([, file, path]) => {
    const { error } = schedulerConfigSchema.safeParse(file);

    expect(error?.issues.map((issue) => issue.path.join('.'))).toEqual([path]);
  });
});
