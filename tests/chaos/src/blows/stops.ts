import type { ClusterProcess } from '@spider/local-cluster';
import {
  between,
  type Blow,
  end,
  managersOf,
  note,
  sleep,
  type Victim,
  type World,
} from './blow.ts';

type Stop = 'storage-stop' | 'scheduler-stop' | 'em-stop' | 'database-stop';

/** Longest stop of what has no time by which it is given up. */
const STOP_MAX_MS = 3_000;

/** A process stands still for a while: SIGSTOP, then SIGCONT. */
export const stopBlows: Readonly<Record<Stop, Blow>> = {
  'storage-stop': {
    everyMs: 20_000,
    victims: (world) => [
      victim(world, 'storage-stop', world.cluster.processes.storage, STOP_MAX_MS),
    ],
  },
  'scheduler-stop': {
    everyMs: 20_000,
    victims: (world) => {
      const { scheduler } = world.cluster.processes;
      return scheduler === undefined
        ? []
        : [victim(world, 'scheduler-stop', scheduler, 2 * world.graceMs)];
    },
  },
  'em-stop': {
    everyMs: 10_000,
    // Half of them for longer than they may be silent.
    victims: (world) =>
      managersOf(world).map((manager) => victim(world, 'em-stop', manager, 2 * world.graceMs)),
  },
  'database-stop': {
    everyMs: 20_000,
    victims: (world) =>
      world.database.nodes.map((node) => ({
        claims: ['database', node.name],
        strike: async (rng) => {
          const stopMs = between(rng, 100, STOP_MAX_MS);
          const stop = note(world, 'database-stop', 0, `${node.name} for ${Math.round(stopMs)} ms`);
          node.signal('SIGSTOP');
          await sleep(stopMs);
          node.signal('SIGCONT');
          end(stop);
        },
      })),
  },
};

const victim = (world: World, kind: Stop, process: ClusterProcess, longestMs: number): Victim => ({
  claims: [process.name],
  strike: async (rng) => {
    const { pid } = process;
    const stopMs = between(rng, 100, longestMs);
    const stop = note(world, kind, pid, `${process.name} (${pid}) for ${Math.round(stopMs)} ms`);
    process.kill('SIGSTOP');
    await sleep(stopMs);
    process.kill('SIGCONT');
    end(stop);
  },
});
