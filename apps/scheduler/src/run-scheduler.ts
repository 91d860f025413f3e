import {
  Authenticator,
  clusterTokenHeaders,
  clusterTokenSource,
  type Endpoint,
  Health,
  startRpcServer,
} from '@spider/runtime';
import {
  announceReady,
  CryptoRng,
  type MainContext,
  packageVersion,
  readDaemonConfig,
  reloadSecretsOnChange,
  systemClock,
} from '@spider/runtime/node';
import {
  FallbackReadyTaskSource,
  ReferenceReadyTaskSource,
  RpcReadyTaskSource,
  SCHEDULER_SERVICES,
  schedulerConfigSchema,
  schedulerFileSchema,
  SchedulerService,
} from '@spider/scheduler';

/**
 * Reads the configuration and serves execution managers until the signal is aborted. Needs no
 * storage to start: it connects as soon as there is one.
 *
 * @throws SpiderError for a bad configuration or an address that cannot be listened at, ExitError for
 * bad flags.
 */
export async function runScheduler({ args, signal, logger }: MainContext): Promise<void> {
  const config = await readDaemonConfig(args, {
    name: 'spider-scheduler',
    summary: 'The scheduler of Spider: decides which ready task runs next, and where.',
    version: packageVersion(new URL('../package.json', import.meta.url)),
    configHelp: 'config.example.yaml beside the source of this binary explains every key.',
    listensAt: ({ host, port, tls, auth, insecure }) => ({
      host,
      port,
      tls,
      isAuthRequired: auth.mode === 'required',
      insecure,
    }),
    warn: (message) => logger.warn(message),
    fileSchema: schedulerFileSchema,
    schema: schedulerConfigSchema,
  });

  const authenticator = await Authenticator.open(config.auth, process.env);
  const headers = clusterTokenHeaders(
    clusterTokenSource(config.auth.clusterTokenFile, process.env, 'auth.cluster_token_file'),
  );
  const health = new Health(SCHEDULER_SERVICES, config.limits.healthWatches);
  const { storageEndpoints: endpoints, storageTls: tls } = config;
  // Asked when it connects, which is after the server has started.
  const advertised = (): Endpoint =>
    config.advertisedEndpoint ?? { host: config.host, port: server.port };
  await using scheduler = new SchedulerService({
    clock: systemClock,
    rng: new CryptoRng(),
    logger,
    storage: new FallbackReadyTaskSource({
      preferred: new RpcReadyTaskSource({ logger, endpoints, advertised, tls, headers }),
      fallback: new ReferenceReadyTaskSource({
        clock: systemClock,
        endpoints,
        advertised,
        tls,
        headers,
      }),
      logger,
    }),
    config,
    // Without storage there is nothing to assign.
    onConnected: (isConnected) => (health.isServing = isConnected),
  });
  const server = await startRpcServer({
    host: config.host,
    port: config.port,
    tls: config.tls,
    routes: (router) => scheduler.routes(router),
    guards: authenticator.isRequired ? [authenticator.guard()] : [],
    logger,
    health,
    maxConnections: config.limits.connections,
    maxStreamsPerConnection: config.limits.callsPerConnection,
    maxRequestBytes: config.limits.requestBytes,
  });
  using _renewed = reloadSecretsOnChange(server, authenticator, { clock: systemClock, logger });
  logger.info('the scheduler is ready', { url: server.url, storage: config.storageEndpoints });
  announceReady('spider-scheduler', server.url);
  await scheduler.run(signal);
  await server.close({ graceMs: config.stopTimeoutMs });
}
