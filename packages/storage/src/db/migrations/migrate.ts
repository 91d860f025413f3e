import type { Kysely } from 'kysely';
import { Migrator } from 'kysely/migration';
import type { Schema } from '../schema.ts';
import { initialMigration } from './0001-initial.ts';
import { jobMetadataMigration } from './0002-job-metadata.ts';
import { writerLeaseMigration } from './0003-writer-lease.ts';
import { jobAgesMigration } from './0004-job-ages.ts';
import { jobRetryMigration } from './0005-job-retry.ts';
import { jobPolicyMigration } from './0006-job-policy.ts';
import { clusterMigration } from './0009-cluster.ts';
import { jobPlacementMigration } from './0010-job-placement.ts';
import { tokenKeysMigration } from './0011-token-keys.ts';
import type { Engine } from './column-types.ts';

/**
 * Brings the tables up to date. Two processes may do so at once: one of them waits for the other.
 *
 * @throws whatever a migration failed with, or an Error if the database carries migrations that this
 * version does not know.
 */
export async function migrate(kysely: Kysely<Schema>, engine: Engine): Promise<void> {
  const migrator = new Migrator({
    db: kysely,
    provider: {
      getMigrations: async () => ({
        '0001-initial': initialMigration(engine),
        '0002-job-metadata': jobMetadataMigration(engine),
        '0003-writer-lease': writerLeaseMigration(engine),
        '0004-job-ages': jobAgesMigration(engine),
        '0005-job-retry': jobRetryMigration(engine),
        '0006-job-policy': jobPolicyMigration(engine),
        '0009-cluster': clusterMigration(engine),
        '0010-job-placement': jobPlacementMigration(engine),
        '0011-token-keys': tokenKeysMigration(engine),
      }),
    },
  });
  const { error } = await migrator.migrateToLatest();
  if (error === undefined) return;
  throw error instanceof Error ? error : new Error('a migration failed', { cause: error });
}
