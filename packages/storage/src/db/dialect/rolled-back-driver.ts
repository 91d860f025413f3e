import { SqliteDriver } from 'kysely';
import type { DatabaseConnection } from 'kysely';

/**
 * SQLite itself rolls a transaction back when the disk is full or fails. That there is nothing left to
 * roll back must not hide why.
 */
export class RolledBackDriver extends SqliteDriver {
  override async rollbackTransaction(connection: DatabaseConnection): Promise<void> {
    try {
      await super.rollbackTransaction(connection);
    } catch (error) {
      const isRolledBack = error instanceof Error && error.message.endsWith(NOTHING_TO_ROLL_BACK);
      if (!isRolledBack) throw error;
    }
  }
}

const NOTHING_TO_ROLL_BACK = 'no transaction is active';
