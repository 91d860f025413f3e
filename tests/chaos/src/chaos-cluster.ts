import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type ClusterProcess, type Config, startLocalCluster } from '@spider/local-cluster';
import type { Disturbance, World, WorldLink } from './blows/blow.ts';
import { Claims } from './claims.ts';
import { openChaosDatabase } from './database.ts';
import type { FlushedState } from './database.ts';
import { type Faults, FaultShim } from './faults.ts';
import { Link } from './link.ts';
import type { ChaosOptions } from './options.ts';
import { freePort } from './server-process.ts';

const TASK_PACKAGES = fileURLToPath(new URL('../dist/task-packages', import.meta.url));
const HOST = '127.0.0.1';
const EXECUTION_MANAGERS = 2;
const SLOTS = 2;

/** How long an execution manager may be without a stream, or silent: ten heartbeats. */
const GRACE_MS = 3_500;

export interface ChaosClusterOptions extends Pick<ChaosOptions, 'db' | 'durability' | 'blows'> {
  readonly directory: string;
  readonly embeddedScheduler: boolean;
  readonly onUnexpectedExit: (process: ClusterProcess, error: Error) => void;
  readonly onUnexpectedNodeExit: (nodeName: string) => void;
  readonly log: (line: string) => void;
}

/** A cluster whose connections go by links, and whose processes run with a library of faults. */
export class ChaosCluster implements AsyncDisposable {
  readonly world: World;
  /** What the tasks note their executions in. */
  readonly record: string;
  /** Where clients connect. */
  readonly clientUrl: string;
  readonly #cleanup: AsyncDisposableStack;

  private constructor(
    world: World,
    record: string,
    clientUrl: string,
    cleanup: AsyncDisposableStack,
  ) {
    this.world = world;
    this.record = record;
    this.clientUrl = clientUrl;
    this.#cleanup = cleanup;
  }

  static async start(options: ChaosClusterOptions): Promise<ChaosCluster> {
    await using cleanup = new AsyncDisposableStack();
    const record = join(options.directory, 'executions');
    const faults = await openFaults(options, cleanup);
    const envOf = (name: string): NodeJS.ProcessEnv => faults.get(name)?.env ?? {};
    const database = cleanup.use(await openChaosDatabase(options.db, options.directory, { envOf }));
    const ports = { storage: await freePort(), scheduler: await freePort() };
    const links = await openLinks(options, ports, cleanup);
    const ways: WorldLink[] = [...links.values()];
    const nodeLinks: Link[] = [];
    for (const [at, node] of database.nodes.entries()) {
      const path = 'path' in node.place ? join(options.directory, `database-${at}`) : undefined;
      const link = cleanup.use(await Link.open(`storage to ${node.name}`, node.place, path));
      nodeLinks.push(link);
      ways.push({ link, claims: ['database', node.name] });
    }
    const db = database.configBy(nodeLinks.map(({ place }) => place));
    const portOf = (link: string): Config => ({ host: HOST, port: links.get(link)?.link.port });
    const { embeddedScheduler, durability, directory } = options;
    const cluster = cleanup.use(
      await startLocalCluster({
        directory,
        packageDir: TASK_PACKAGES,
        executionManagers: EXECUTION_MANAGERS,
        slots: SLOTS,
        embeddedScheduler,
        storagePort: ports.storage,
        env: (name) => ({ SPIDER_CHAOS_RECORD: record, ...envOf(name) }),
        onUnexpectedExit: options.onUnexpectedExit,
        config: {
          storage: {
            runtime: {
              db,
              journal: { durability },
              execution_managers: {
                stream_grace_ms: GRACE_MS,
                heartbeat_interval_ms: GRACE_MS / 10,
              },
            },
          },
          scheduler: {
            port: ports.scheduler,
            storage_endpoint: portOf('scheduler to storage'),
          },
          executionManager: (name) => ({
            storage: portOf(`${name} to storage`),
            scheduler: portOf(`${name} to ${embeddedScheduler ? 'storage' : 'scheduler'}`),
            task_executor: {
              inherited_env: ['SPIDER_CHAOS_RECORD'],
              guard_rail: { write: [directory] },
            },
          }),
        },
      }),
    );
    const world: World = {
      cluster,
      database,
      links: ways,
      faults,
      graceMs: GRACE_MS,
      disturbances: [] as Disturbance[],
      flushed: [] as FlushedState[],
      claims: new Claims(),
      log: options.log,
    };
    const clientUrl = `http://${HOST}:${links.get('clients to storage')?.link.port}`;
    return new ChaosCluster(world, record, clientUrl, cleanup.move());
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#cleanup.disposeAsync();
  }
}

const managerNames = Array.from(
  { length: EXECUTION_MANAGERS },
  (_, at) => `execution-manager-${at + 1}`,
);

const NEED_FAULTS = ['disk-full', 'fsync', 'clock'];

async function openFaults(
  { blows, db, embeddedScheduler, directory, log }: ChaosClusterOptions,
  cleanup: AsyncDisposableStack,
): Promise<ReadonlyMap<string, Faults>> {
  const faults = new Map<string, Faults>();
  if (!blows.some((name) => NEED_FAULTS.includes(name))) return faults;
  const shim = await FaultShim.build(join(directory, 'faults'), log);
  if (shim === undefined) return faults;
  const names = ['storage', ...managerNames];
  if (!embeddedScheduler) names.push('scheduler');
  if (db === 'mariadb') names.push('mariadb');
  for (const name of names) {
    faults.set(name, cleanup.use(shim.faultsOf(name)));
  }
  return faults;
}

async function openLinks(
  { embeddedScheduler }: ChaosClusterOptions,
  ports: { readonly storage: number; readonly scheduler: number },
  cleanup: AsyncDisposableStack,
): Promise<ReadonlyMap<string, WorldLink>> {
  const links = new Map<string, WorldLink>();
  const open = async (from: string, to: 'storage' | 'scheduler'): Promise<void> => {
    const name = `${from} to ${to}`;
    const link = cleanup.use(await Link.open(name, { port: ports[to] }));
    const isManager = managerNames.includes(from);
    links.set(name, { link, claims: [], ...(isManager && { manager: from }) });
  };
  await open('clients', 'storage');
  for (const name of managerNames) await open(name, 'storage');
  if (embeddedScheduler) return links;
  await open('scheduler', 'storage');
  for (const name of managerNames) await open(name, 'scheduler');
  return links;
}
