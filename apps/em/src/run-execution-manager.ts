import { hostname, availableParallelism } from 'node:os';
import { resolve } from 'node:path';
import {
  type Connect,
  endingWithParent,
  executionManagerConfigSchema,
  type ExecutionManagerConfig,
  ExecutionManagerService,
  executorCommand,
  executorEnvironment,
  processSpawner,
  type SpawnExecutorOptions,
} from '@spider/execution-manager';
import { createTransport, type RpcTransport } from '@spider/runtime';
import {
  announceReady,
  CryptoRng,
  loadConfig,
  type MainContext,
  readDaemonFlags,
  systemClock,
} from '@spider/runtime/node';
import { taskExecutorPath } from '@spider/task-executor';

const BINARY = 'spider-execution-manager';

/**
 * Reads the configuration, starts the executors, and runs tasks until the signal is aborted; what
 * runs then is finished, and what waits is given back. Needs neither storage nor scheduler to start:
 * it is ready as soon as storage has taken it.
 *
 * @throws SpiderError for a bad configuration or if storage refuses it, Error if an executor does not
 * come up, ExitError for bad flags.
 */
export async function runExecutionManager({ args, signal, logger }: MainContext): Promise<void> {
  const { configPath } = readDaemonFlags(args, {
    name: BINARY,
    summary: 'The execution manager of Spider: runs the tasks of one machine.',
    version: '0.1.0',
    configHelp: 'config.example.yaml beside the source of this binary explains every key.',
  });
  const config = await loadConfig(configPath, executionManagerConfigSchema);
  const slots = config.slots ?? availableParallelism();
  const spawn = processSpawner(await executorsOf(config));
  await using cleanup = new AsyncDisposableStack();
  const service = cleanup.use(
    new ExecutionManagerService({
      ...config,
      slots,
      clock: systemClock,
      rng: new CryptoRng(),
      logger,
      connect: connectOnce(cleanup),
      spawn,
      host: hostname(),
    }),
  );

  const stop = new AbortController();
  const running = service.run(stop.signal);
  const stopped = aborted(signal);
  const id = await Promise.race([service.ready, running, stopped]);
  if (id !== undefined) {
    logger.info('the execution manager is ready', { executionManagerId: id, slots });
    announceReady(BINARY, String(id));
    await Promise.race([running, stopped]);
  }
  if (signal.aborted) await service.drain();
  stop.abort();
  await running;
}

async function executorsOf({
  taskExecutor,
}: ExecutionManagerConfig): Promise<SpawnExecutorOptions> {
  const { binPath = taskExecutorPath, maxLogLineBytes, inheritedEnv, packageDir } = taskExecutor;
  return {
    ...(await endingWithParent(executorCommand(resolve(binPath), process.execPath))),
    hasDescriptors: taskExecutor.binPath === undefined,
    env: executorEnvironment({
      packageDir: resolve(packageDir),
      inheritedEnv,
      from: process.env,
    }),
    clock: systemClock,
    logs: process.stderr,
    maxLogLineBytes,
  };
}

/** One connection for each URL, though storage and scheduler may share it. */
function connectOnce(cleanup: AsyncDisposableStack): Connect {
  const transports = new Map<string, RpcTransport>();
  return (url) => {
    let transport = transports.get(url);
    if (transport === undefined) {
      transport = cleanup.use(createTransport({ url }));
      transports.set(url, transport);
    }
    return transport;
  };
}

function aborted(signal: AbortSignal): Promise<undefined> {
  const { promise, resolve: done } = Promise.withResolvers<undefined>();
  if (signal.aborted) done(undefined);
  else signal.addEventListener('abort', () => done(undefined), { once: true });
  return promise;
}
