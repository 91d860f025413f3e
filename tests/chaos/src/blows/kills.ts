import { type ClusterProcess, childProcessIds } from '@spider/local-cluster';
import type { Rng } from '@spider/runtime';
import { between, type Blow, type Kill, managersOf, note, sleep, type World } from './blow.ts';

/** Until what was killed is started again. */
const OUTAGE_MAX_MS = 1_500;
const DATABASE_OUTAGE_MAX_MS = 3_000;

/** `kill -9` of a process, which is started again after a while. */
export const killBlows: Readonly<Record<Kill, Blow>> = {
  storage: {
    everyMs: 8_000,
    victims: (world) => [
      { claims: ['storage', 'database'], strike: (rng) => killStorage(world, rng) },
    ],
  },
  scheduler: {
    everyMs: 6_000,
    victims: (world) => {
      const { scheduler } = world.cluster.processes;
      if (scheduler === undefined) return [];
      return [
        {
          claims: ['scheduler'],
          strike: (rng) => killAndRestart(world, 'scheduler', scheduler, rng),
        },
      ];
    },
  },
  em: {
    everyMs: 5_000,
    victims: (world) =>
      managersOf(world).map((manager) => ({
        claims: [manager.name],
        strike: (rng) => killAndRestart(world, 'em', manager, rng),
      })),
  },
  executor: {
    everyMs: 2_000,
    victims: (world) =>
      managersOf(world).map((manager) => ({
        claims: [manager.name],
        strike: (rng) => killExecutor(world, manager, rng),
      })),
  },
  database: {
    everyMs: 15_000,
    victims: (world) =>
      world.database.nodes.map((node) => ({
        claims: ['database', node.name],
        strike: async (rng) => {
          const outageMs = between(rng, 0, DATABASE_OUTAGE_MAX_MS);
          note(world, 'database', 0, `kill -9 of ${node.name}`);
          await node.kill();
          await sleep(outageMs);
          await node.restart();
          world.log(`${node.name} runs again`);
        },
      })),
  },
};

/** At times with all execution managers. */
async function killStorage(world: World, rng: Rng): Promise<void> {
  const { cluster, claims } = world;
  const { storage } = cluster.processes;
  const outageMs = between(rng, 0, OUTAGE_MAX_MS);
  using stack = new DisposableStack();
  const managers: ClusterProcess[] = [];
  if (rng.float() < 0.2) {
    for (const manager of managersOf(world)) {
      const claim = claims.tryTake([manager.name]);
      if (claim === undefined) continue;
      stack.use(claim);
      managers.push(manager);
    }
  }
  kill(world, 'storage', storage);
  for (const manager of managers) kill(world, 'em', manager);
  await storage.exited;
  await readJournal(world);
  await sleep(outageMs);
  await storage.restart();
  world.log(`storage runs again: ${storage.pid}`);
  await Promise.all(managers.map((manager) => manager.restart()));
}

/** What a storage that is dead has flushed. */
export async function readJournal({ database, flushed, log }: World): Promise<void> {
  for (const node of database.nodes) if (!node.isRunning) await node.restart();
  const state = await database.readFlushed();
  flushed.push(state);
  log(`the journal was read: ${state.succeeded.size} jobs, block ${state.block}`);
}

async function killAndRestart(
  world: World,
  kind: Kill,
  victim: ClusterProcess,
  rng: Rng,
): Promise<void> {
  const outageMs = between(rng, 0, OUTAGE_MAX_MS);
  kill(world, kind, victim);
  await victim.exited;
  await sleep(outageMs);
  await victim.restart();
  world.log(`${victim.name} runs again: ${victim.pid}`);
}

async function killExecutor(world: World, manager: ClusterProcess, rng: Rng): Promise<void> {
  const pids = await childProcessIds(manager.pid);
  const pid = pids[Math.floor(rng.float() * pids.length)];
  if (pid === undefined) return;
  note(world, 'executor', pid, `kill -9 of ${pid}, of ${manager.name}`);
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // It has ended by itself.
  }
}

function kill(world: World, kind: Kill, victim: ClusterProcess): void {
  note(world, kind, victim.pid, `kill -9 of ${victim.name} (${victim.pid})`);
  victim.kill('SIGKILL');
}
