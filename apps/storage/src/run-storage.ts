import { invalidArgument } from '@spider/core';
import { startRpcServer } from '@spider/runtime';
import type { Logger } from '@spider/runtime';
import {
  announceReady,
  CryptoRng,
  loadConfig,
  nodeZstd,
  readDaemonFlags,
  ScryptPasswordHasher,
  systemClock,
} from '@spider/runtime/node';
import type { MainContext } from '@spider/runtime/node';
import { DEFAULT_DISPATCH_CONFIG, POLICIES, SchedulerService } from '@spider/scheduler';
import { storageConfigSchema, StorageService } from '@spider/storage';
import type { DatabaseOptions, StorageConfig } from '@spider/storage';
import { activateStorage } from './activate-storage.ts';

/** How long the last answers may take to go out. */
const CLOSE_GRACE_MS = 1_000;

/**
 * Reads the configuration, waits for the right to write to the database, and serves until the signal is aborted.
 *
 * @throws SpiderError for a bad configuration, ExitError for bad flags, SupersededError when another
 * storage takes the database over.
 */
export async function runStorage({ args, signal, logger }: MainContext): Promise<void> {
  const { configPath } = readDaemonFlags(args, {
    name: 'spider-storage',
    summary: 'The storage server of Spider: keeps jobs, decides what is ready, hands it out.',
    version: '0.1.0',
    configHelp: 'config.example.yaml beside the source of this binary explains every key.',
  });
  const config = await loadConfig(configPath, storageConfigSchema);
  await using cleanup = new AsyncDisposableStack();
  const { store, port } = cleanup.use(
    await activateStorage({
      config,
      signal,
      logger,
      database: databaseOf(config),
      onStandby: (url) => process.stdout.write(`spider-storage standby ${url}\n`),
    }),
  );
  const storage = cleanup.use(
    await StorageService.open({
      config,
      store,
      logger,
      clock: systemClock,
      rng: new CryptoRng(),
      zstd: nodeZstd,
      passwords: new ScryptPasswordHasher(),
    }),
  );
  const scheduler = config.scheduler.embedded
    ? cleanup.use(embedScheduler(storage, logger))
    : undefined;
  const server = await listen({ ...config, port }, logger, storage, scheduler);
  cleanup.defer(() => server.close({ graceMs: CLOSE_GRACE_MS }));
  logger.info('storage is ready', { url: server.url, sessionId: storage.sessionId });
  announceReady('spider-storage', server.url);

  // Ends with the signal; both reject only if they cannot go on by themselves.
  await Promise.all([storage.run(signal), scheduler?.run(signal)]);
  await storage.drain();
}

/** A database server's credentials come from the environment unless the configuration has them. */
function databaseOf({ runtime: { db } }: StorageConfig): DatabaseOptions {
  if (db.engine === 'sqlite' || db.credentials !== undefined) return db;
  const username = process.env['SPIDER_STORAGE_DB_USERNAME'];
  const password = process.env['SPIDER_STORAGE_DB_PASSWORD'];
  if (username === undefined || password === undefined) {
    throw invalidArgument(
      'SPIDER_STORAGE_DB_USERNAME and SPIDER_STORAGE_DB_PASSWORD are needed in the environment, or ' +
        'runtime.db.credentials in the configuration',
    );
  }
  return { ...db, credentials: { username, password } };
}

function embedScheduler(storage: StorageService, logger: Logger): SchedulerService {
  return new SchedulerService({
    logger,
    clock: systemClock,
    rng: new CryptoRng(),
    storage: storage.readyTasks,
    policy: POLICIES[DEFAULT_DISPATCH_CONFIG.policy],
    config: DEFAULT_DISPATCH_CONFIG,
  });
}

const listen = (
  { host, port }: StorageConfig,
  logger: Logger,
  storage: StorageService,
  scheduler: SchedulerService | undefined,
): ReturnType<typeof startRpcServer> =>
  startRpcServer({
    host,
    port,
    logger,
    routes: (router) => {
      storage.routes(router);
      scheduler?.routes(router);
    },
  });
