import type { Rng } from '@spider/runtime';
import type { Faults } from '../faults.ts';
import { between, type Blow, end, note, sleep, type World } from './blow.ts';

type MachineBlow = 'disk-full' | 'fsync' | 'clock';

const DISK_FAULT_MAX_MS = 1_000;
/** Days and weeks would end the retention of jobs whose outputs somebody waits for. */
const CLOCK_STEP_MAX_MS = 10 * 60_000;

/** What the machine does wrong. Disk faults hit whoever holds the database; clocks stay as they are set. */
export const machineBlows: Readonly<Record<MachineBlow, Blow>> = {
  'disk-full': diskBlow('disk-full', (faults, isOn) => faults.setDiskFull(isOn)),
  fsync: diskBlow('fsync', (faults, isOn) => faults.setFsyncFails(isOn)),
  clock: {
    everyMs: 15_000,
    victims: (world) =>
      [...world.faults]
        .filter(([name]) => !world.database.nodes.some((node) => node.name === name))
        .map(([name, faults]) => ({
          claims: [],
          strike: async (rng) => {
            const offsetMs = rng.float() < 0.3 ? 0 : between(rng, -1, 1) * CLOCK_STEP_MAX_MS;
            const text = `${name} is ${Math.round(offsetMs)} ms ahead`;
            const step = note(world, 'clock', 0, text);
            faults.setClockOffset(offsetMs);
            end(step);
          },
        })),
  },
};

function diskBlow(
  kind: 'disk-full' | 'fsync',
  turn: (faults: Faults, isOn: boolean) => void,
): Blow {
  return {
    everyMs: 20_000,
    victims: (world) => {
      const nodes = world.database.nodes.map(({ name }) => name);
      // SQLite's disk is that of the storage process.
      return (nodes.length === 0 ? ['storage'] : nodes).flatMap((name) => {
        const faults = world.faults.get(name);
        if (faults === undefined) return [];
        const strike = (rng: Rng): Promise<void> =>
          strikeDisk(world, kind, name, rng, faults, turn);
        return [{ claims: nodes.length === 0 ? [name] : [name, 'database'], strike }];
      });
    },
  };
}

async function strikeDisk(
  world: World,
  kind: 'disk-full' | 'fsync',
  name: string,
  rng: Rng,
  faults: Faults,
  turn: (faults: Faults, isOn: boolean) => void,
): Promise<void> {
  const lastsMs = between(rng, 10, DISK_FAULT_MAX_MS);
  const fault = note(world, kind, 0, `for ${name}, ${Math.round(lastsMs)} ms`);
  turn(faults, true);
  await sleep(lastsMs);
  turn(faults, false);
  end(fault);
}
