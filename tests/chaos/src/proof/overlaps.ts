import { setTimeout as sleep } from 'node:timers/promises';
import type { ServerProcess } from '../server-process.ts';
import { between, type Proof, type Round } from './proof.ts';
import { WriteAudit } from './write-audit.ts';

/**
 * Two storages on one database. On MariaDB the active one stands still until another one has taken
 * its place, and wakes up; on SQLite, where the operating system decides, two start at once, and a
 * third one while the winner stands still.
 */
export const overlaps: Proof = {
  summary: 'two storages on one database; at most one ever writes, and the other one ends',
  dbs: ['mariadb', 'sqlite'],
  rounds: 5,
  blowsPerRound: 10,
  cluster: { places: 2, executionManagers: 2 },
  lanes: 2,
  strike: async (round) => {
    if (round.db === 'mariadb') await overlapLeases(round);
    else await overlapLocks(round);
  },
};

async function overlapLeases(round: Round): Promise<void> {
  const { cluster, rng, problems, log } = round;
  const { database } = cluster;
  let started = 0;
  const start = async (): Promise<ServerProcess> => {
    const username = `storage_${++started}`;
    await WriteAudit.createWriter(database, username);
    return await cluster.startStorage({ username });
  };
  let active = await start();
  await active.until('ready');
  const audit = await WriteAudit.start(database);
  await cluster.startWorkers();
  round.startTraffic();
  let standby = await start();
  await standby.until('standby');
  for (let blow = 0; blow < round.blows; blow++) {
    await sleep(between(rng, 300, 2_000));
    active.kill('SIGSTOP');
    await standby.until('ready');
    await sleep(between(rng, 0, 1_000));
    active.kill('SIGCONT');
    await expectEnd(round, active, 'another storage has been started on the same database');
    log(`blow ${blow + 1} of ${round.blows}`);
    active = standby;
    standby = await start();
    await standby.until('standby');
  }
  const { writes, problems: found } = await audit.check();
  log(`${writes} writes were noted`);
  problems.push(...found);
}

/** Short: the loser waits so long before it gives up. */
const LEASE_MS = 500;

async function overlapLocks(round: Round): Promise<void> {
  const { cluster, rng, problems, log } = round;
  let winners = 0;
  for (let blow = 0; blow < round.blows; blow++) {
    const options = { standby: false, leaseMs: LEASE_MS };
    const [first, second] = await Promise.all([
      cluster.startStorage({ ...options, place: 0 }),
      cluster.startStorage({ ...options, place: 1 }),
    ]);
    // The loser may have given up by then.
    const [winner, loser] = await Promise.any([
      first.until('ready').then(() => [first, second] as const),
      second.until('ready').then(() => [second, first] as const),
    ]);
    winners += 1;
    await expectEnd(round, loser, 'is active on this database');
    if (blow === 0) {
      await cluster.startWorkers();
      round.startTraffic();
    }
    await sleep(between(rng, 300, 2_000));
    winner.kill('SIGSTOP');
    const third = await cluster.startStorage({ ...options, place: loser === first ? 0 : 1 });
    await expectEnd(round, third, 'is active on this database');
    winner.kill('SIGCONT');
    await sleep(between(rng, 0, 1_000));
    log(`blow ${blow + 1} of ${round.blows}`);
    if (blow === round.blows - 1) break;
    winner.kill(rng.float() < 0.5 ? 'SIGKILL' : 'SIGTERM');
    await winner.exited;
  }
  const [sessions] = await cluster.database.query('select count(*) as sessions from sessions');
  if (Number(sessions?.['sessions']) !== winners) {
    problems.push(`${String(sessions?.['sessions'])} sessions were opened by ${winners} winners`);
  }
  const [integrity] = await cluster.database.query('pragma integrity_check');
  if (integrity?.['integrity_check'] !== 'ok') problems.push(JSON.stringify(integrity));
}

/** It has to end by itself, with code 1, and to say why. */
async function expectEnd({ problems }: Round, server: ServerProcess, why: string): Promise<void> {
  const code = await Promise.race([server.exited, sleep(30_000, 'not')]);
  if (code !== 1) problems.push(`otherProblems: storage has ended with ${code}, not 1`);
  if (!server.log.includes(why)) problems.push(`otherProblems: no word of "${why}": ${server.log}`);
  if (code === 'not') server.kill('SIGKILL');
}
