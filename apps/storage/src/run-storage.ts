import { Authenticator, Health } from '@spider/runtime';
import type { Logger } from '@spider/runtime';
import {
  announceReady,
  CryptoRng,
  nodeZstd,
  packageVersion,
  readDaemonConfig,
  ScryptPasswordHasher,
  systemClock,
} from '@spider/runtime/node';
import type { MainContext } from '@spider/runtime/node';
import {
  DEFAULT_DISPATCH_CONFIG,
  type DispatchConfig,
  embeddedSchedulerFileSchema,
  SCHEDULER_SERVICES,
  SchedulerService,
  toEmbeddedScheduler,
} from '@spider/scheduler';
import {
  effectiveStorageFile,
  STORAGE_SERVICES,
  storageFileSchema,
  StorageService,
  toStorageConfig,
} from '@spider/storage';
import { activateStorage } from './activate-storage.ts';
import { databaseOptions } from './database-options.ts';

const VERSION = packageVersion(new URL('../package.json', import.meta.url));
const fileSchema = storageFileSchema.extend({ scheduler: embeddedSchedulerFileSchema });
const schema = fileSchema.transform((file) => ({
  ...toStorageConfig(file),
  scheduler: toEmbeddedScheduler(file.scheduler),
}));

/**
 * Reads the configuration, waits for the right to write to the database, and serves until the signal is aborted.
 *
 * @throws SpiderError for a bad configuration, ExitError for bad flags, SupersededError when another
 * storage takes the database over.
 */
export async function runStorage({ args, signal, logger }: MainContext): Promise<void> {
  const config = await readDaemonConfig(args, {
    name: 'spider-storage',
    summary: 'The storage server of Spider: keeps jobs, decides what is ready, hands it out.',
    version: VERSION,
    configHelp: 'config.example.yaml beside the source of this binary explains every key.',
    listensAt: ({ host, port, tls, auth, insecure }) => ({
      host,
      port,
      tls,
      isAuthRequired: auth.mode === 'required',
      insecure,
    }),
    warn: (message) => logger.warn(message),
    fileSchema,
    schema,
    effective: effectiveStorageFile,
    validate: (file) => databaseOptions(file, process.env),
  });
  const authenticator = await Authenticator.open(config.auth, process.env);
  const { embedded } = config.scheduler;
  const identity = {
    version: VERSION,
    engine: config.runtime.db.engine,
    startedAt: systemClock.now(),
  };
  const health = new Health(
    [...STORAGE_SERVICES, ...(embedded ? SCHEDULER_SERVICES : [])],
    config.runtime.limits.health_watches,
  );
  await using cleanup = new AsyncDisposableStack();
  const { store, lease, server } = cleanup.use(
    await activateStorage({
      config,
      signal,
      logger,
      health,
      identity,
      authenticator,
      database: databaseOptions(config, process.env),
      onStandby: (url) => process.stdout.write(`spider-storage standby ${url}\n`),
    }),
  );
  const storage = cleanup.use(
    await StorageService.open({
      config,
      store,
      logger,
      identity,
      clock: systemClock,
      rng: new CryptoRng(),
      zstd: nodeZstd,
      passwords: new ScryptPasswordHasher(),
      right: lease,
      authenticator,
    }),
  );
  const scheduler = embedded
    ? cleanup.use(embedScheduler(storage, config.scheduler, logger))
    : undefined;
  // Before what serves its calls ends.
  cleanup.defer(() => server.close());
  server.serve({
    guards: storage.guards,
    routes: (router) => {
      storage.routes(router);
      scheduler?.routes(router);
    },
    // Another storage may have taken the place of this one, and knows more.
    paused: () => (lease.isSure ? undefined : 'this storage may not be the active one any more'),
  });
  const look = (): void => void (health.isServing = lease.isSure && !signal.aborted);
  signal.addEventListener('abort', look);
  lease.onChange(look);
  look();
  logger.info('storage is ready', { url: server.url, sessionId: storage.sessionId });
  announceReady('spider-storage', server.url);

  // Ends with the signal; both reject only if they cannot go on by themselves.
  await Promise.all([storage.run(signal), scheduler?.run(signal)]);
  await storage.drain();
}

function embedScheduler(
  storage: StorageService,
  config: Omit<DispatchConfig, 'acknowledgementTimeoutMs' | 'executionManagersMax'>,
  logger: Logger,
): SchedulerService {
  return new SchedulerService({
    logger,
    clock: systemClock,
    rng: new CryptoRng(),
    storage: storage.readyTasks,
    config: { ...DEFAULT_DISPATCH_CONFIG, ...config },
  });
}
