import type { Rng } from '@spider/runtime';
import type { Link } from '../link.ts';
import { between, type Blow, end, note, sleep, type World, type WorldLink } from './blow.ts';

type NetworkBlow = 'cut' | 'block' | 'delay';

/** What happens to the ways that connections take. Each ends after a while. */
export const networkBlows: Readonly<Record<NetworkBlow, Blow>> = {
  cut: blow(8_000, 'cut', async (link, lastsMs) => {
    link.cut();
    await sleep(lastsMs);
  }),
  // Nobody is told that nothing passes; in the end all arrives after all, or the connections break.
  block: blow(12_000, 'block', async (link, lastsMs, rng) => {
    link.block();
    await sleep(lastsMs);
    if (rng.float() < 0.5) link.break();
  }),
  delay: blow(12_000, 'delay', async (link, lastsMs, rng) => {
    link.delay(between(rng, 1, 300));
    await sleep(lastsMs);
  }),
};

function blow(
  everyMs: number,
  kind: NetworkBlow,
  strike: (link: Link, lastsMs: number, rng: Rng) => Promise<void>,
): Blow {
  return {
    everyMs,
    victims: (world) =>
      world.links.map((way) => ({
        claims: [way.link.name, ...way.claims],
        strike: async (rng) => {
          const lastsMs = between(rng, 50, 1.5 * world.graceMs);
          const text = `${way.link.name} for ${Math.round(lastsMs)} ms`;
          const disturbance = note(world, kind, pidOf(world, way), text);
          await strike(way.link, lastsMs, rng);
          way.link.restore();
          end(disturbance);
        },
      })),
  };
}

function pidOf({ cluster }: World, { manager }: WorldLink): number {
  const found = cluster.processes.executionManagers.find(({ name }) => name === manager);
  return found?.pid ?? 0;
}
