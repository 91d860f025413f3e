import type { TimestampMs } from '@spider/core';
import { toBuffer } from './blob.ts';
import type { StoredTokenKey, TokenKeyStore } from './job-store.ts';
import { insertedId } from './session-database.ts';
import type { SessionDatabase } from './session-database.ts';

export class KyselyTokenKeyStore implements TokenKeyStore {
  readonly #database: SessionDatabase;

  constructor(database: SessionDatabase) {
    this.#database = database;
  }

  async list(): Promise<readonly StoredTokenKey[]> {
    const rows = await this.#database.read((database) =>
      database
        .selectFrom('token_keys')
        .select(['id', 'secret', 'created_at'])
        .orderBy('id')
        .execute(),
    );
    return rows.map((row) => ({
      id: Number(row.id),
      secret: row.secret,
      createdAt: Number(row.created_at) as TimestampMs,
    }));
  }

  async replace(
    secret: Uint8Array,
    createdAt: TimestampMs,
    useless: TimestampMs,
  ): Promise<StoredTokenKey> {
    const inserted = await this.#database.write(async (transaction) => {
      await transaction
        .deleteFrom('token_keys')
        .where('created_at', '<=', BigInt(useless))
        .execute();
      return await transaction
        .insertInto('token_keys')
        .values({ secret: toBuffer(secret), created_at: createdAt })
        .executeTakeFirstOrThrow();
    });
    return { id: Number(insertedId(inserted)), secret, createdAt };
  }
}
