import { setTimeout as sleep } from 'node:timers/promises';
import { monotonicMs } from '../execution-record.ts';
import { between, type Proof } from './proof.ts';
import { kill, startAll } from './storage-kills.ts';

/** `kill -9` of the active storage, beside which another one stands by. */
export const failovers: Proof = {
  summary: 'kill -9 of the active storage beside a standby; the first dispatch comes within 5 s',
  dbs: ['mariadb'],
  rounds: 3,
  blowsPerRound: 10,
  cluster: { places: 2, executionManagers: 2 },
  lanes: 2,
  strike: async (round) => {
    const { cluster, flushed, takeOvers, rng, log } = round;
    let active = await startAll(round);
    let standby = await cluster.startStorage();
    await standby.until('standby');
    for (let blow = 0; blow < round.blows; blow++) {
      await sleep(between(rng, 500, 3_000));
      const atMs = monotonicMs();
      kill(round, 'storage', active);
      await active.exited;
      const state = await cluster.database.readFlushed();
      flushed.push(state);
      takeOvers.push({ atMs, block: state.block });
      await standby.until('ready');
      log(
        `blow ${blow + 1} of ${round.blows}: taken over in ${Math.round(monotonicMs() - atMs)} ms`,
      );
      active = standby;
      standby = await cluster.startStorage();
      await standby.until('standby');
    }
    await sleep(2_000);
  },
};
