import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { mariadbMissing } from '@spider/test-utils';
import { describe, test } from 'vitest';
import { PROOFS } from './options.ts';
import type { Proof } from './proof.ts';
import { type RoundOptions, type RoundResult, runRound } from './run-round.ts';

/** A proof in small: `npm run proof` has them at full size. */
async function prove(
  name: string,
  options: Partial<RoundOptions> & Pick<RoundOptions, 'db' | 'blows'>,
): Promise<RoundResult> {
  const directory = await mkdtemp(join(tmpdir(), `spider-${name}-`));
  await using stack = new AsyncDisposableStack();
  stack.defer(() => rm(directory, { recursive: true, force: true }));
  return await runRound({
    proof: PROOFS.get(name) as Proof,
    durability: 'task',
    separateScheduler: false,
    seed: 1,
    round: 1,
    tasks: 300,
    directory,
    log: () => undefined,
    ...options,
  });
}

/** How long a take-over may take, from the kill to the first task that the other one hands out. */
const TAKE_OVER_MS = 5_000;

// Most of the time each of them waits for something.
describe.concurrent('with SQLite', { timeout: 180_000 }, () => {
  test('what execution managers have finished does not run again when storage is killed', async ({
    expect,
  }) => {
    const { problems } = await prove('storage-kills', { db: 'sqlite', blows: 2 });
    expect(problems).toEqual([]);
  });

  test('with durability sync nothing that was acknowledged does when all are killed', async ({
    expect,
  }) => {
    const options = { db: 'sqlite', durability: 'sync', blows: 1 } as const;
    const { problems } = await prove('total-loss', options);
    expect(problems).toEqual([]);
  });

  test('of two storages that start at once one ends, and says why', async ({ expect }) => {
    const { problems } = await prove('overlaps', { db: 'sqlite', blows: 1 });
    expect(problems).toEqual([]);
  });
});

const missing = mariadbMissing();

describe.skipIf(missing !== undefined)(
  `with MariaDB ${missing ?? ''}`,
  { timeout: 120_000 },
  () => {
    test('nothing is lost when the database is killed', async ({ expect }) => {
      const { problems } = await prove('database-kills', { db: 'mariadb', blows: 1 });
      expect(problems).toEqual([]);
    });

    test('when the active storage is killed, the standby goes on within seconds', async ({
      expect,
    }) => {
      const { problems, takeOversMs } = await prove('failovers', { db: 'mariadb', blows: 1 });
      expect(problems).toEqual([]);
      expect(takeOversMs[0]).toBeLessThan(TAKE_OVER_MS);
    });

    test('when it stands still past its lease, it writes nothing more, and nothing runs twice', async ({
      expect,
    }) => {
      const { problems } = await prove('overlaps', { db: 'mariadb', blows: 1 });
      expect(problems).toEqual([]);
    });
  },
);
