import type { ResourceGroupId } from '@spider/core';
import type { ResourceGroupStore, StoredResourceGroup } from './job-store.ts';
import { ROW_ID_MAX } from './row-id.ts';
import { insertedId } from './session-database.ts';
import type { SessionDatabase } from './session-database.ts';

export class KyselyResourceGroupStore implements ResourceGroupStore {
  readonly #database: SessionDatabase;

  constructor(database: SessionDatabase) {
    this.#database = database;
  }

  async insert(externalId: string, passwordHash: string): Promise<ResourceGroupId | undefined> {
    const { engine } = this.#database;
    const inserted = await this.#database.write((transaction) =>
      transaction
        .insertInto('resource_groups')
        .values({ external_id: externalId, password_hash: passwordHash })
        .$if(engine === 'sqlite', (query) => query.orIgnore())
        .$if(engine === 'mysql', (query) => query.ignore())
        .executeTakeFirstOrThrow(),
    );
    if (inserted.numInsertedOrUpdatedRows === 0n) return undefined;
    return insertedId(inserted) as ResourceGroupId;
  }

  async find(id: ResourceGroupId): Promise<StoredResourceGroup | undefined> {
    if (id > ROW_ID_MAX) return undefined;
    return await this.#find('id', id);
  }

  async findByExternalId(externalId: string): Promise<StoredResourceGroup | undefined> {
    return await this.#find('external_id', externalId);
  }

  async #find(
    column: 'id' | 'external_id',
    value: bigint | string,
  ): Promise<StoredResourceGroup | undefined> {
    const row = await this.#database.read((database) =>
      database
        .selectFrom('resource_groups')
        .select(['id', 'password_hash'])
        .where(column, '=', value)
        .executeTakeFirst(),
    );
    if (row === undefined) return undefined;
    return { id: row.id as ResourceGroupId, passwordHash: row.password_hash ?? undefined };
  }
}
