import { setTimeout as sleep } from 'node:timers/promises';
import { monotonicMs } from '../execution-record.ts';
import { between, type Proof } from './proof.ts';
import { startAll } from './storage-kills.ts';

/** `kill -9` of the database server. A storage that ends by it is started again. */
export const databaseKills: Proof = {
  summary: 'kill -9 of MariaDB; storage waits for it or is started again, and nothing is lost',
  dbs: ['mariadb'],
  rounds: 4,
  blowsPerRound: 5,
  cluster: { places: 1, executionManagers: 2 },
  lanes: 2,
  strike: async (round) => {
    const { cluster, disturbances, rng, log, problems } = round;
    let storage = await startAll(round);
    for (let blow = 0; blow < round.blows; blow++) {
      await sleep(between(rng, 1_000, 3_000));
      const outageMs = between(rng, 0, 6_000);
      disturbances.push({ kind: 'database', pid: 0, atMs: monotonicMs(), untilMs: Infinity });
      await cluster.database.nodes[0]?.kill();
      await sleep(outageMs);
      await cluster.database.nodes[0]?.restart();
      const ended = await Promise.race([storage.exited, sleep(1_000, 'runs' as const)]);
      log(`blow ${blow + 1} of ${round.blows}: away for ${Math.round(outageMs)} ms, ${ended}`);
      if (ended === 'runs') continue;
      if (ended !== 1) problems.push(`storage ended with ${ended}: ${storage.log.slice(-500)}`);
      storage = await cluster.startStorage();
      await storage.until('ready');
    }
  },
};
