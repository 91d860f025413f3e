import { existsSync } from 'node:fs';
import { installDebian, installNpmPackages, npmVersion } from './install.ts';
import { POSTGRES_USER, startPostgres } from './postgres.ts';
import { PEER_WORKLOADS, type PeerResult } from './peer-result.ts';
import { startRedis } from './redis.ts';
import { runCommand } from './run-command.ts';
import { runDriver } from './run-driver.ts';
import type { Server } from './server.ts';

export interface PeersOptions {
  /** Measured runs; one more comes before. */
  readonly runs: number;
  /** Workers, where they are processes. */
  readonly slots: number;
  readonly signal: AbortSignal;
}

/** Peers that share a server. */
interface PeerGroup {
  readonly peers: readonly { readonly name: string; readonly npmName: string }[];
  readonly durability: string;
  readonly start: (signal: AbortSignal) => Promise<Server>;
}

const NODE_PEERS: readonly PeerGroup[] = [
  {
    peers: [{ name: 'bullmq', npmName: 'bullmq' }],
    durability: 'fsync every second',
    start: startRedis,
  },
  {
    peers: [
      { name: 'pg-boss', npmName: 'pg-boss' },
      { name: 'graphile-worker', npmName: 'graphile-worker' },
      { name: 'dbos', npmName: '@dbos-inc/dbos-sdk' },
    ],
    durability: 'fsync',
    start: startPostgres,
  },
];

/** The Python for which Debian's packages are. */
const PYTHON = '/usr/bin/python3';
const DASK_VERSION = ['-c', 'import distributed; print(distributed.__version__)'];

/**
 * Installs what is missing, and runs each peer on each workload, one after the other, each with its
 * server, which is stopped and whose data are removed afterwards.
 */
export async function* runPeers(options: PeersOptions): AsyncGenerator<PeerResult> {
  for (const group of NODE_PEERS) yield* runGroup(group, options);
  yield* runDask(options);
}

async function* runGroup(
  { peers, durability, start }: PeerGroup,
  { runs, signal }: PeersOptions,
): AsyncGenerator<PeerResult> {
  const started = await attempt(async () => {
    await installNpmPackages(signal);
    return start(signal);
  }, signal);
  if (typeof started === 'string') {
    for (const { name } of peers) yield* nothingOf(name, durability, started);
    return;
  }
  await using server = started;
  for (const { name, npmName } of peers) {
    const settings = JSON.stringify({ runs, port: server.port, user: POSTGRES_USER });
    const version = `${npmVersion(npmName)}, ${server.version}`;
    for await (const line of runDriver(process.execPath, [`${name}.mjs`, settings], signal)) {
      yield { peer: name, version, durability, ...line };
    }
  }
}

async function* runDask({ runs, slots, signal }: PeersOptions): AsyncGenerator<PeerResult> {
  const version = await attempt(async () => {
    const look = (): Promise<string> => runCommand(PYTHON, DASK_VERSION, { signal });
    const there = existsSync(PYTHON) ? await look().catch(() => undefined) : undefined;
    if (there !== undefined) return { text: there };
    await installDebian(['python3-distributed'], signal);
    return { text: await look() };
  }, signal);
  if (typeof version === 'string') {
    yield* nothingOf('dask', 'none', version);
    return;
  }
  const settings = JSON.stringify({ runs, workers: slots });
  for await (const line of runDriver(PYTHON, ['run_dask.py', settings], signal)) {
    yield { peer: 'dask', version: version.text.trim(), durability: 'none', ...line };
  }
}

/** @returns why it did not work, if it did not. */
async function attempt<T extends object>(
  action: () => Promise<T>,
  signal: AbortSignal,
): Promise<T | string> {
  try {
    return await action();
  } catch (error) {
    signal.throwIfAborted();
    return `not installed: ${error instanceof Error ? error.message : String(error)}`;
  }
}

function* nothingOf(peer: string, durability: string, cannot: string): Generator<PeerResult> {
  for (const workload of PEER_WORKLOADS) {
    yield { peer, version: '', durability, workload, cannot };
  }
}
