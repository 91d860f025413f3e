import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TimestampMs } from '@spider/core';
import { Health, SeededRng, startRpcServer } from '@spider/runtime';
import { nodeZstd, ScryptPasswordHasher, systemClock } from '@spider/runtime/node';
import { RecordingLogger } from '@spider/runtime/testing';
import { DEFAULT_DISPATCH_CONFIG, SCHEDULER_SERVICES, SchedulerService } from '@spider/scheduler';
import { openStore, STORAGE_SERVICES, storageConfigSchema, StorageService } from '@spider/storage';
import type { DatabaseOptions } from '@spider/storage';
import { startPrivateMariadb } from '@spider/test-utils';
import { createConnection } from 'mysql2/promise';

export type FuzzDatabase = 'memory' | 'sqlite' | 'mariadb';

/** Whatever ends is soon forgotten, so that what stays is what should not. */
const CONFIG = storageConfigSchema.parse({
  runtime: {
    task_instance_pool: { execution_manager_stale_cutoff_sec: 5 },
    execution_managers: { stream_grace_ms: 3_000 },
    job_cache_gc: { terminated_job_retention_sec: 1 },
    retention: { succeeded_job_sec: 1, failed_job_sec: 1 },
    inbound_queue: { hand_out_timeout_ms: 500 },
  },
});

/** All services of storage's port in this process, where its jobs can be looked at. */
export class FuzzTarget implements AsyncDisposable {
  readonly url: string;
  readonly logger: RecordingLogger;
  readonly #storage: StorageService;
  readonly #scheduler: SchedulerService;
  readonly #cleanup: AsyncDisposableStack;

  private constructor(
    url: string,
    logger: RecordingLogger,
    storage: StorageService,
    scheduler: SchedulerService,
    cleanup: AsyncDisposableStack,
  ) {
    this.url = url;
    this.logger = logger;
    this.#storage = storage;
    this.#scheduler = scheduler;
    this.#cleanup = cleanup;
  }

  static async start(database: FuzzDatabase): Promise<FuzzTarget> {
    await using cleanup = new AsyncDisposableStack();
    const logger = new RecordingLogger();
    const store = cleanup.use(
      await openStore(await openDatabase(database, cleanup), 1 as TimestampMs),
    );
    const common = { clock: systemClock, rng: new SeededRng('fuzz target'), logger };
    const storage = cleanup.use(
      await StorageService.open({
        ...common,
        config: CONFIG,
        store,
        zstd: nodeZstd,
        passwords: new ScryptPasswordHasher({ logCost: 1, parallelization: 1 }),
        identity: {
          version: 'fuzz',
          engine: CONFIG.runtime.db.engine,
          startedAt: systemClock.now(),
        },
      }),
    );
    const scheduler = cleanup.use(
      new SchedulerService({
        ...common,
        storage: storage.readyTasks,
        config: DEFAULT_DISPATCH_CONFIG,
      }),
    );
    const stop = new AbortController();
    const running = scheduler.run(stop.signal);
    cleanup.defer(() => running);
    cleanup.defer(() => stop.abort(new Error('the run is over')));
    const health = new Health([...STORAGE_SERVICES, ...SCHEDULER_SERVICES]);
    health.isServing = true;
    const server = await startRpcServer({
      logger,
      health,
      routes: (router) => {
        storage.routes(router);
        scheduler.routes(router);
      },
    });
    cleanup.defer(() => server.close({ graceMs: 100 }));
    return new FuzzTarget(server.url, logger, storage, scheduler, cleanup.move());
  }

  /** Checks the invariants of all jobs and of the scheduler. @throws InvariantError */
  validateState(): void {
    this.#storage.validateState();
    this.#scheduler.validateState();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#cleanup.disposeAsync();
  }
}

async function openDatabase(
  database: FuzzDatabase,
  cleanup: AsyncDisposableStack,
): Promise<DatabaseOptions> {
  if (database === 'memory') return { engine: 'sqlite', path: ':memory:' };
  if (database === 'sqlite') {
    const folder = await mkdtemp(join(tmpdir(), 'spider-fuzz-'));
    cleanup.defer(() => rm(folder, { recursive: true, force: true }));
    return { engine: 'sqlite', path: join(folder, 'storage.sqlite') };
  }
  const { socketPath } = cleanup.use(await startPrivateMariadb());
  const connection = await createConnection({ socketPath, user: 'root' });
  await connection.query('create database spider');
  await connection.end();
  const credentials = { username: 'root', password: '' };
  return { engine: 'mysql', socketPath, name: 'spider', credentials };
}
