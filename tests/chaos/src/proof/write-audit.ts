import type { ChaosDatabase } from '../database.ts';

/** What every write of a storage goes through, beside its lease, which it may renew in vain. */
const WATCHED = [
  ['journal', 'insert'],
  ['jobs', 'insert'],
  ['jobs', 'update'],
  ['job_blobs', 'insert'],
  ['execution_managers', 'insert'],
  ['execution_managers', 'update'],
  ['schedulers', 'insert'],
  ['task_instance_blocks', 'insert'],
  ['writer_lease', 'update'],
] as const;

/**
 * Notes in MariaDB who writes, in which session: each storage has a user of its own, and triggers
 * write down the user and the session that is active in the eyes of the transaction.
 */
export class WriteAudit {
  readonly #database: ChaosDatabase;

  private constructor(database: ChaosDatabase) {
    this.#database = database;
  }

  /** To be called when the tables are there. What was written before is not noted. */
  static async start(database: ChaosDatabase): Promise<WriteAudit> {
    const run = (sql: string): Promise<unknown> => database.query(sql);
    await run(`create table audit (
      id bigint unsigned not null auto_increment primary key,
      writer varchar(64) not null, session_id bigint not null, what varchar(64) not null)`);
    await run(`create trigger audit_session after insert on sessions for each row
      insert into audit (writer, session_id, what) values (user(), new.id, 'session')`);
    for (const [table, action] of WATCHED) {
      await run(`create trigger audit_${table}_${action} after ${action} on ${table} for each row
        insert into audit (writer, session_id, what)
        select user(), session_id, '${action} ${table}' from active_session where id = 1
        lock in share mode`);
    }
    return new WriteAudit(database);
  }

  /** Makes a user for a storage. */
  static async createWriter(database: ChaosDatabase, name: string): Promise<void> {
    await database.query(`create user '${name}'@'localhost'`);
    await database.query(`grant all on spider.* to '${name}'@'localhost'`);
  }

  /** How many writes were noted, and which of them no storage may have done. */
  async check(): Promise<{ readonly writes: number; readonly problems: readonly string[] }> {
    const rows = await this.#database.query(
      'select id, writer, session_id, what from audit order by id',
    );
    const openers = new Map<string, string>();
    const problems: string[] = [];
    let newest = 0n;
    for (const { id, writer, session_id: session, what } of rows) {
      const sessionId = String(session);
      if (what === 'session') openers.set(sessionId, String(writer));
      const opener = openers.get(sessionId);
      const line = `${String(what)} by ${String(writer)} in session ${sessionId} (${String(id)})`;
      if (opener !== undefined && opener !== writer) problems.push(`${line}, which is ${opener}'s`);
      if (BigInt(sessionId) < newest) problems.push(`${line} after session ${newest} was opened`);
      else newest = BigInt(sessionId);
    }
    return { writes: rows.length, problems };
  }
}
