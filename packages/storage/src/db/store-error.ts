import { SpiderError } from '@spider/core';
import type { SessionId } from '@spider/core';

/**
 * A later start of storage has taken the database over. This process may do nothing but exit; whoever
 * asked it for something may ask the other.
 */
export class SupersededError extends SpiderError {
  override readonly name = 'SupersededError';

  constructor(own: SessionId, newest: bigint) {
    super(
      'unavailable',
      `session ${own} of this storage was superseded by session ${newest}: another storage has ` +
        `been started on the same database`,
    );
  }
}

/** Codes of node:sqlite (primary result codes) and mysql2 for what passes by itself. */
const TRANSIENT_SQLITE_CODES = new Set([5, 6, 10, 13]); // busy, locked, I/O error, disk full
const TRANSIENT_MYSQL_CODES = new Set([
  'ER_LOCK_DEADLOCK',
  'ER_LOCK_WAIT_TIMEOUT',
  'ER_CON_COUNT_ERROR',
  'ER_SERVER_SHUTDOWN',
  // The server has ended a transaction that stood still for too long.
  'ER_CONNECTION_KILLED',
  'ER_DISK_FULL',
  'ER_RECORD_FILE_FULL',
  'ER_ERROR_ON_WRITE',
  'ER_ERROR_DURING_COMMIT',
  // A node of a cluster does not belong to it just now, or had to give way to another one.
  'ER_UNKNOWN_COM_ERROR',
  'ER_QUERY_INTERRUPTED',
  'PROTOCOL_SEQUENCE_TIMEOUT',
  'ENOENT',
  'PROTOCOL_CONNECTION_LOST',
  'ECONNREFUSED',
  'ECONNRESET',
  'EPIPE',
  'ETIMEDOUT',
]);

/** Whether the database may do later what it did not do now, in this process. */
export const isTransient = (error: unknown): boolean =>
  error instanceof SpiderError &&
  error.code === 'unavailable' &&
  !(error instanceof SupersededError);

/** Turns what may pass by itself into SpiderError 'unavailable' and leaves the rest alone. */
export function toStoreError(error: unknown): unknown {
  if (!passesByItself(error)) return error;
  return new SpiderError('unavailable', 'the database does not answer just now', { cause: error });
}

function passesByItself(error: unknown): boolean {
  if (typeof error !== 'object' || error === null) return false;
  // The extended result codes of SQLite carry the primary one in their lowest byte.
  if ('errcode' in error && typeof error.errcode === 'number') {
    return TRANSIENT_SQLITE_CODES.has(error.errcode & 0xff);
  }
  // A command on a connection that the server has closed; mysql2 gives it no code.
  if ('fatal' in error && error.fatal === true && !('code' in error)) return true;
  return 'code' in error && typeof error.code === 'string' && TRANSIENT_MYSQL_CODES.has(error.code);
}
