import { availableParallelism, hostname } from 'node:os';
import { resolve } from 'node:path';
import {
  bothSinks,
  type Connect,
  type ExecutionManagerConfig,
  type ExecutionManagerFile,
  executionManagerConfigSchema,
  executionManagerFileSchema,
  ExecutionManagerService,
  forwardingSink,
  type LogSink,
  type LogsConfig,
  SpareExecutors,
  TaskLogStore,
  withReferenceFallback,
} from '@spider/execution-manager';
import {
  clusterTokenHeaders,
  clusterTokenSource,
  createTransport,
  type Logger,
  type RpcTransport,
} from '@spider/runtime';
import {
  announceReady,
  CryptoRng,
  type MainContext,
  packageVersion,
  readDaemonConfig,
  systemClock,
} from '@spider/runtime/node';
import { taskExecutorPath } from '@spider/task-executor';
import { executorSpawner, memoryShareMib } from './executor-spawner.ts';

const VERSION = packageVersion(new URL('../package.json', import.meta.url));
const BINARY = 'spider-execution-manager';

/**
 * Reads the configuration, starts the executors, and runs tasks until the signal is aborted; what
 * runs then is finished, and what waits is given back. So it ends when storage asks it to. Needs neither storage nor scheduler to start:
 * it is ready as soon as storage has taken it.
 *
 * @throws SpiderError for a bad configuration or if storage refuses it, Error if an executor does not
 * come up, ExitError for bad flags.
 */
export async function runExecutionManager({ args, signal, logger }: MainContext): Promise<void> {
  const config = await readDaemonConfig(args, {
    name: BINARY,
    summary: 'The execution manager of Spider: runs the tasks of one machine.',
    version: VERSION,
    configHelp: 'config.example.yaml beside the source of this binary explains every key.',
    fileSchema: executionManagerFileSchema,
    schema: executionManagerConfigSchema,
    effective: effectiveFile,
  });
  const slots = config.slots ?? availableParallelism();
  await using cleanup = new AsyncDisposableStack();
  const logs = await logsOf(config.logs, logger, cleanup);
  const executors = cleanup.use(
    new SpareExecutors({
      spawn: await executorSpawner(config, slots, logs.sink),
      count: config.taskExecutor.spares,
      clock: systemClock,
    }),
  );
  const service = cleanup.use(
    new ExecutionManagerService({
      ...config,
      slots,
      clock: systemClock,
      rng: new CryptoRng(),
      logger,
      connect: withReferenceFallback(connectOnce(cleanup, config), {
        clock: systemClock,
        logger,
      }),
      spawn: executors.spawn,
      taskLogs: logs.store,
      maxMessageBytes: config.taskExecutor.maxMessageBytes,
      recycleAfterTasks: config.taskExecutor.recycleAfterTasks,
      host: hostname(),
      version: VERSION,
    }),
  );

  const stop = new AbortController();
  const running = service.run(stop.signal);
  const stopped = aborted(signal);
  const id = await Promise.race([service.ready, running, stopped]);
  if (id !== undefined) {
    logger.info('the execution manager is ready', { executionManagerId: id, slots });
    announceReady(BINARY, String(id));
    await Promise.race([running, stopped, service.drainRequested]);
    if (!signal.aborted) logger.info('storage wants this execution manager to drain and to end');
  }
  await service.drain();
  stop.abort();
  await running;
}

/** With what depends on the machine and on other keys. */
function effectiveFile(file: ExecutionManagerFile): object {
  const slots = file.slots ?? availableParallelism();
  const { task_executor: executor, scheduler_endpoints: schedulers } = file;
  const isSchedulerNamed = file.scheduler !== undefined || schedulers !== undefined;
  return {
    ...file,
    ...(!isSchedulerNamed && {
      scheduler: file.storage,
      scheduler_endpoints: file.storage_endpoints,
    }),
    slots,
    task_executor: {
      ...executor,
      ...(executor.mode === 'process' && { bin_path: executor.bin_path ?? taskExecutorPath }),
      memory_limit_mib: executor.memory_limit_mib ?? memoryShareMib(slots),
    },
  };
}

/** Everything is forwarded; what tasks print is kept, too, if there is a place for it. */
async function logsOf(
  { directory, maxBytes, retentionMs }: LogsConfig,
  logger: Logger,
  cleanup: AsyncDisposableStack,
): Promise<{ readonly sink: LogSink; readonly store?: TaskLogStore }> {
  const forwarding = forwardingSink(process.stderr);
  if (directory === undefined) return { sink: forwarding };
  const store = await TaskLogStore.open({
    directory: resolve(directory),
    maxBytes,
    retentionMs,
    clock: systemClock,
    logger,
  });
  return { sink: bothSinks(forwarding, cleanup.use(store)), store };
}

/** One connection for each URL, though storage and scheduler may share it. */
function connectOnce(
  cleanup: AsyncDisposableStack,
  { liveness: { attemptMs: connectTimeoutMs }, tls, clusterTokenFile }: ExecutionManagerConfig,
): Connect {
  const headers = clusterTokenHeaders(clusterTokenSource(clusterTokenFile, process.env));
  const transports = new Map<string, RpcTransport>();
  return (url) => {
    let transport = transports.get(url);
    if (transport === undefined) {
      transport = cleanup.use(createTransport({ url, tls, headers, connectTimeoutMs }));
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
