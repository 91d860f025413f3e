import { JobState } from '@spider/core';
import type { JobId, ResourceGroupId } from '@spider/core';
import { sql } from 'kysely';
import type { Expression, ExpressionBuilder, Kysely, SelectQueryBuilder, SqlBool } from 'kysely';
import { JOB_COLUMNS, toStoredJob } from './job-row.ts';
import type { JobFilter, StoredJob } from './job-store.ts';
import { findResourceGroup } from './job-writes.ts';
import type { Engine } from './migrations/column-types.ts';
import { ROW_ID_MAX } from './row-id.ts';
import type { Schema } from './schema.ts';

type Ids = SelectQueryBuilder<Schema, 'jobs', { id: bigint }>;

interface Page {
  readonly engine: Engine;
  readonly filter: JobFilter;
  readonly resourceGroupId: ResourceGroupId | undefined;
  readonly before: bigint;
  readonly limit: number;
}

/**
 * Jobs by descending id. The ids of a page come from the ends of indexes that are ordered by id: the
 * jobs of a label, of a state (and group), or all; so that the first page costs the same however many
 * jobs there are.
 */
export async function selectJobs(
  database: Kysely<Schema>,
  engine: Engine,
  filter: JobFilter,
  before: JobId,
  limit: number,
): Promise<readonly StoredJob[]> {
  const { resourceGroupId: group } = filter;
  const resourceGroupId = group === undefined ? group : await findResourceGroup(database, group);
  if (group !== undefined && resourceGroupId === undefined) return [];
  const highest = before > ROW_ID_MAX ? ROW_ID_MAX : before;
  const page = { engine, filter, resourceGroupId, before: highest, limit };
  const rows = await database
    .selectFrom(pageIds(database, page).as('page'))
    .innerJoin('jobs', 'jobs.id', 'page.id')
    .select(JOB_COLUMNS.map((column) => `jobs.${column}` as const))
    .orderBy('page.id', 'desc')
    .limit(limit)
    .execute();
  return rows.map(toStoredJob);
}

/** Ids of which the highest `limit` are the page. */
function pageIds(database: Kysely<Schema>, page: Page): Ids {
  const { filter, resourceGroupId } = page;
  if (Object.keys(filter.labels).length > 0) return labelledIds(database, page);
  if (filter.states.length === 0 && resourceGroupId === undefined) return ids(database, page);
  const states = filter.states.length === 0 ? Object.values(JobState) : filter.states;
  const [first, ...others] = states.map((state) => {
    const ofState = ids(database, page).where('state', '=', state);
    // Members of a union cannot be ordered and limited unless they are wrapped.
    return database.selectFrom(ofState.as('of_state')).select('of_state.id') as unknown as Ids;
  });
  if (first === undefined) return ids(database, page);
  return others.reduce<Ids>((all, next) => all.unionAll(next), first);
}

function ids(database: Kysely<Schema>, page: Page): Ids {
  return database
    .selectFrom('jobs')
    .select('id')
    .where('id', '<', page.before)
    .where((where) => where.and(conditions(where, page)))
    .orderBy('id', 'desc')
    .limit(page.limit);
}

/** Goes along the jobs of the first label, and looks the others up. */
function labelledIds(database: Kysely<Schema>, page: Page): Ids {
  const { states, labels } = page.filter;
  const [first, ...others] = Object.entries(labels);
  let query = database
    .selectFrom('job_labels as label')
    // The order of tables is the order of work: from the label to its jobs.
    .innerJoin('jobs', 'jobs.id', 'label.job_id')
    .select('label.job_id as id')
    .where('label.label_key', '=', first?.[0] ?? '')
    .where('label.label_value', '=', first?.[1] ?? '')
    .where('label.job_id', '<', page.before)
    .where((where) => where.and(conditions(where, page)));
  if (states.length > 0) query = query.where('jobs.state', 'in', states);
  for (const [key, value] of others) {
    query = query.where((where) =>
      where.exists(
        where
          .selectFrom('job_labels as other')
          .select('other.job_id')
          .whereRef('other.job_id', '=', 'label.job_id')
          .where('other.label_key', '=', key)
          .where('other.label_value', '=', value),
      ),
    );
  }
  return query.orderBy('label.job_id', 'desc').limit(page.limit);
}

/** All conditions on the jobs' own columns but those on id and state. */
function conditions(
  where: ExpressionBuilder<Schema, 'jobs'>,
  { engine, filter, resourceGroupId }: Page,
): Expression<SqlBool>[] {
  const { namePrefix, submittedFrom, submittedBefore } = filter;
  const all: Expression<SqlBool>[] = [];
  if (resourceGroupId !== undefined) all.push(where('resource_group_id', '=', resourceGroupId));
  if (submittedFrom !== undefined) all.push(where('submitted_at', '>=', BigInt(submittedFrom)));
  if (submittedBefore !== undefined) all.push(where('submitted_at', '<', BigInt(submittedBefore)));
  if (namePrefix !== '') all.push(startsWith(engine, namePrefix));
  return all;
}

/** SQLite's LIKE ignores case, and MySQL's = ignores spaces at the end. */
function startsWith(engine: Engine, prefix: string): Expression<SqlBool> {
  if (engine === 'sqlite') {
    return sql<SqlBool>`substr(jobs.name, 1, length(${prefix})) = ${prefix}`;
  }
  return sql<SqlBool>`jobs.name like ${prefix.replaceAll(/[\\%_]/g, '\\$&') + '%'}`;
}
