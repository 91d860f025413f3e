import { realpathSync } from 'node:fs';
import { DatabaseSync } from 'node:sqlite';

const SQLITE_BUSY = 5;

/** A lock that nobody refers to would end with the next garbage collection. */
const heldLocks = new Set<DatabaseSync>();

/**
 * Takes a lock that lasts until it is released or this process has died, however it dies: the
 * operating system keeps it, on a file beside the database. Answers undefined if it is taken.
 *
 * @throws Error if the file cannot be made.
 */
export function lockSqliteFile(path: string): Disposable | undefined {
  if (path === ':memory:') return { [Symbol.dispose]: () => undefined };
  // Whatever name the database goes by, its lock has one.
  const lock = new DatabaseSync(`${realpathSync(path)}-lock`, { timeout: 0 });
  try {
    // Nothing is ever written, so that there is nothing to repair either.
    lock.exec('begin exclusive');
  } catch (error) {
    lock.close();
    const code = error instanceof Error && 'errcode' in error ? error.errcode : undefined;
    if (typeof code === 'number' && (code & 0xff) === SQLITE_BUSY) return undefined;
    throw error;
  }
  heldLocks.add(lock);
  return {
    [Symbol.dispose]: () => {
      if (heldLocks.delete(lock)) lock.close();
    },
  };
}
