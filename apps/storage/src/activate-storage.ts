import { hostname } from 'node:os';
import { SpiderError } from '@spider/core';
import { ClusterService } from '@spider/proto';
import { retry, startRpcServer } from '@spider/runtime';
import type { Authenticator, Health, Logger, RpcServer, ServedRoutes } from '@spider/runtime';
import { CryptoRng, reloadSecretsOnChange, systemClock } from '@spider/runtime/node';
import {
  awaitActivation,
  createStandbyClusterService,
  Database,
  WriterLeaseKeeper,
} from '@spider/storage';
import type {
  ActiveDatabase,
  DatabaseOptions,
  ServerIdentity,
  StorageConfig,
  Store,
} from '@spider/storage';

export interface ActivationOptions {
  readonly config: StorageConfig;
  readonly database: DatabaseOptions;
  readonly signal: AbortSignal;
  readonly logger: Logger;
  /** What the server that is started answers to those who ask. */
  readonly health: Health;
  readonly identity: ServerIdentity;
  /** Whose tokens are read anew when they are replaced. */
  readonly authenticator: Authenticator;
  /** Called with its URL when a standby has begun to answer. */
  readonly onStandby: (url: string) => void;
}

/** The only storage that may write, until it is disposed of. */
export interface Activation extends AsyncDisposable {
  readonly store: Store;
  readonly lease: WriterLeaseKeeper;
  /** Listens already, and refuses everything but to tell its health. */
  readonly server: RpcServer;
}

const STANDBY = 'this storage is a standby, ask the active one';
const STARTING = 'this storage is starting: it reads back what it had';

/** How long the last answers may take to go out. */
const CLOSE_GRACE_MS = 1_000;

/**
 * Waits for the database, and for the right to write to it.
 *
 * @throws SpiderError 'failed-precondition' if the database cannot be used, or another storage is
 * active on it and this one is no standby.
 */
export async function activateStorage(options: ActivationOptions): Promise<Activation> {
  const { config, logger } = options;
  await using stack = new AsyncDisposableStack();
  const database = stack.use(await persist(() => Database.connect(options.database), options));
  const standby = config.standby
    ? await listen({ unavailable: STANDBY, routes: standbyRoutes(options) }, options, stack)
    : undefined;
  if (standby !== undefined) options.onStandby(standby.url);
  const active = await waitForTurn(database, options);
  const { renew_ms: renewMs } = config.runtime.lease;
  const lease = stack.use(
    await WriterLeaseKeeper.start({ lease: active.lease, clock: systemClock, logger, renewMs }),
  );
  standby?.serve({ unavailable: STARTING });
  const server = standby ?? (await listen({ unavailable: STARTING }, options, stack));
  const held = stack.move();
  return { store: active.store, lease, server, [Symbol.asyncDispose]: () => held.disposeAsync() };
}

async function listen(
  served: ServedRoutes,
  { config: { host, port, tls, runtime }, logger, health, authenticator }: ActivationOptions,
  stack: AsyncDisposableStack,
): Promise<RpcServer> {
  const { connections, calls_per_connection: calls, request_bytes: bytes } = runtime.limits;
  const server = await startRpcServer({
    host,
    port,
    tls,
    logger,
    health,
    ...served,
    maxConnections: connections,
    maxStreamsPerConnection: calls,
    maxRequestBytes: bytes,
  });
  stack.defer(() => server.close({ graceMs: CLOSE_GRACE_MS }));
  stack.use(reloadSecretsOnChange(server, authenticator, { clock: systemClock, logger }));
  return server;
}

const standbyRoutes =
  ({ identity }: ActivationOptions): NonNullable<ServedRoutes['routes']> =>
  (router) =>
    router.service(
      ClusterService,
      createStandbyClusterService({ identity, clock: systemClock }, STANDBY),
    );

function waitForTurn(database: Database, options: ActivationOptions): Promise<ActiveDatabase> {
  const { config, logger, signal } = options;
  const durationMs = config.runtime.lease.duration_ms;
  const terms = { holder: `process ${process.pid} on ${hostname()}`.slice(0, 256), durationMs };
  return awaitActivation({
    activate: () => persist(() => database.activate(terms, systemClock.now()), options),
    standby: config.standby,
    durationMs,
    clock: systemClock,
    rng: new CryptoRng(),
    logger,
    signal,
  });
}

/** Waits for a database that does not answer just now. */
const persist = <T>(
  operation: () => Promise<T>,
  { signal, logger }: ActivationOptions,
): Promise<T> =>
  retry(operation, {
    clock: systemClock,
    rng: new CryptoRng(),
    signal,
    maxRetries: Infinity,
    isRetryable: (error) => error instanceof SpiderError && error.code === 'unavailable',
    onRetry: (error, delayMs) => logger.warn('waiting for the database', { delayMs, error }),
  });
