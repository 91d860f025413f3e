import { SpiderError } from '@spider/core';
import type { Store } from '@spider/storage';

import type { SimProcess } from './sim-process.ts';

export type CommitBatch = Parameters<Store['jobs']['commit']>[0];
export type CommitResult = Awaited<ReturnType<Store['jobs']['commit']>>;

/** What goes wrong in one call of the database. */
export type StoreFault =
  'none' | 'busy' | 'freeze' | 'lost-answer' | 'crash-before' | 'crash-after';

/** The way from a process to the database. */
export interface DatabaseAccess {
  readonly process: SimProcess;
  /** Drawn for each call; what is committed deserves the most. */
  readonly fault: (isCommit: boolean) => StoreFault;
  /** Kills a process when this one's call is on its way to the database, or back: most often this one. */
  readonly crash: (process: SimProcess) => void;
  /** How long the call takes beside. */
  readonly delayMs: () => number;
  /** Stops the process for a time, within which what it has asked for gets to the database. */
  readonly freeze: (process: SimProcess) => Promise<void>;
}

export interface SimStoreOptions extends DatabaseAccess {
  /** A batch was written, though the process may never learn of it. */
  readonly onCommitted: (batch: CommitBatch, result: CommitResult) => void;
}

/** A database as one process sees it: slow, busy, and there when the process dies. */
export function simStore(store: Store, options: SimStoreOptions): Store {
  return {
    sessionId: store.sessionId,
    superseded: store.superseded,
    jobs: guarded(store.jobs, options),
    cluster: guarded(store.cluster, options),
    resourceGroups: guarded(store.resourceGroups, options),
    tokenKeys: guarded(store.tokenKeys, options),
    [Symbol.asyncDispose]: () => store[Symbol.asyncDispose](),
  };
}

/**
 * Does what the database is asked for, unless something goes wrong before. What it has done is told
 * at once, though the process may never learn of it.
 */
export async function callDatabase<T>(
  operation: () => Promise<T>,
  { process, fault, crash, delayMs, freeze }: DatabaseAccess,
  onDone?: (value: T) => void,
  isCommit = false,
): Promise<T> {
  const drawn = fault(isCommit);
  if (drawn === 'crash-before') crash(process);
  await alive(process);
  // By the time that gets there another storage may be active.
  if (drawn === 'freeze') await freeze(process);
  else await process.clock.sleep(delayMs());
  if (drawn === 'busy') throw new SpiderError('unavailable', 'the database is busy');
  const outcome = await settled(operation());
  if ('value' in outcome) onDone?.(outcome.value);
  if (drawn === 'crash-after') crash(process);
  await alive(process);
  if (!('value' in outcome)) throw outcome.error;
  if (drawn === 'lost-answer') throw new SpiderError('unavailable', 'the answer got lost');
  return outcome.value;
}

type Method = (...args: unknown[]) => Promise<unknown>;

function guarded<T extends object>(target: T, options: SimStoreOptions): T {
  return new Proxy(target, {
    get(object, name) {
      const member: unknown = Reflect.get(object, name);
      if (typeof member !== 'function') return member;
      const method = (member as Method).bind(object);
      return (...args: unknown[]) => {
        const isCommit = name === 'commit';
        const onDone = (result: unknown): void => {
          if (isCommit) options.onCommitted(args[0] as CommitBatch, result as CommitResult);
        };
        return callDatabase(() => method(...args), options, onDone, isCommit);
      };
    },
  });
}

async function settled<T>(promise: Promise<T>): Promise<{ value: T } | { error: unknown }> {
  try {
    return { value: await promise };
  } catch (error) {
    return { error };
  }
}

/** Goes on when the process does; never, if it is dead. */
function alive({ clock }: SimProcess): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  clock.whenAwake(resolve);
  return promise;
}
