import { hostname } from 'node:os';
import { SpiderError } from '@spider/core';
import { retry, startRpcServer } from '@spider/runtime';
import type { Logger } from '@spider/runtime';
import { CryptoRng, systemClock } from '@spider/runtime/node';
import { awaitActivation, Database, WriterLeaseKeeper } from '@spider/storage';
import type { DatabaseOptions, StorageConfig, Store } from '@spider/storage';

export interface ActivationOptions {
  readonly config: StorageConfig;
  readonly database: DatabaseOptions;
  readonly signal: AbortSignal;
  readonly logger: Logger;
  /** Called with its URL when a standby has begun to answer. */
  readonly onStandby: (url: string) => void;
}

/** The only storage that may write, until it is disposed of. */
export interface Activation extends AsyncDisposable {
  readonly store: Store;
  /** Where to serve; a standby has chosen it already. */
  readonly port: number;
}

/** Clients of a standby have nothing to lose when it closes its port to open it again. */
const STANDBY_GRACE_MS = 0;

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
  const { active, port } = await waitForTurn(database, options);
  const { renew_ms: renewMs } = config.runtime.lease;
  stack.use(new WriterLeaseKeeper({ lease: active.lease, clock: systemClock, logger, renewMs }));
  const held = stack.move();
  return { store: active.store, port, [Symbol.asyncDispose]: () => held.disposeAsync() };
}

async function waitForTurn(database: Database, options: ActivationOptions) {
  const { config, logger, signal, onStandby } = options;
  const { standby, host, port } = config;
  await using server = standby
    ? await startRpcServer({
        host,
        port,
        logger,
        routes: () => undefined,
        unavailable: 'this storage is a standby, ask the active one',
      })
    : undefined;
  if (server !== undefined) onStandby(server.url);
  const durationMs = config.runtime.lease.duration_ms;
  const terms = { holder: `process ${process.pid} on ${hostname()}`.slice(0, 256), durationMs };
  const active = await awaitActivation({
    activate: () => persist(() => database.activate(terms, systemClock.now()), options),
    standby,
    durationMs,
    clock: systemClock,
    rng: new CryptoRng(),
    logger,
    signal,
  });
  await server?.close({ graceMs: STANDBY_GRACE_MS });
  return { active, port: server?.port ?? port };
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
