import { setTimeout as sleep } from 'node:timers/promises';
import { monotonicMs } from '../execution-record.ts';
import type { ServerProcess } from '../server-process.ts';
import { between, type Proof, type Round } from './proof.ts';

/** `kill -9` of storage at random instants; one in four follows so soon that it hits the recovery. */
export const storageKills: Proof = {
  summary: 'kill -9 of storage; nothing that a living execution manager has finished runs again',
  dbs: ['sqlite', 'mariadb'],
  rounds: 10,
  blowsPerRound: 10,
  cluster: { places: 1, executionManagers: 2 },
  lanes: 2,
  strike: async (round) => {
    let storage = await startAll(round);
    for (let blow = 0; blow < round.blows; blow++) {
      const isEarly = blow > 0 && round.rng.float() < 0.25;
      await sleep(isEarly ? between(round.rng, 0, 150) : between(round.rng, 200, 2_500));
      storage = await killStorage(round, storage, blow);
    }
  },
};

/** `kill -9` of storage and of all execution managers at once. */
export const totalLoss: Proof = {
  summary: 'kill -9 of storage and all execution managers; nothing that was flushed runs again',
  dbs: ['sqlite', 'mariadb'],
  rounds: 4,
  blowsPerRound: 5,
  cluster: { places: 1, executionManagers: 2 },
  lanes: 2,
  strike: async (round) => {
    const { cluster, rng } = round;
    let storage = await startAll(round);
    for (let blow = 0; blow < round.blows; blow++) {
      await sleep(between(rng, 500, 4_000));
      const { managers } = cluster;
      for (const manager of managers) kill(round, 'em', manager);
      storage = await killStorage(round, storage, blow);
      await Promise.all(managers.map((manager) => manager.exited));
      await cluster.startWorkers();
    }
  },
};

/** Starts storage, execution managers and jobs. */
export async function startAll(round: Round): Promise<ServerProcess> {
  const storage = await round.cluster.startStorage();
  await storage.until('ready');
  await round.cluster.startWorkers();
  round.startTraffic();
  return storage;
}

async function killStorage(
  round: Round,
  storage: ServerProcess,
  blow: number,
): Promise<ServerProcess> {
  const { cluster, flushed, log } = round;
  kill(round, 'storage', storage);
  await storage.exited;
  flushed.push(await cluster.database.readFlushed());
  const next = await cluster.startStorage();
  await next.until('ready');
  log(`blow ${blow + 1} of ${round.blows}: storage runs again`);
  return next;
}

export function kill(round: Round, kind: 'storage' | 'em', server: ServerProcess): void {
  const atMs = monotonicMs();
  round.disturbances.push({ kind, pid: server.pid, atMs, untilMs: Infinity });
  server.kill('SIGKILL');
}
