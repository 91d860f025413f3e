import { SpiderError } from '@spider/core';
import type { Store } from '@spider/storage';

import type { SimProcess } from './sim-process.ts';

export type CommitBatch = Parameters<Store['jobs']['commit']>[0];
export type CommitResult = Awaited<ReturnType<Store['jobs']['commit']>>;

/** What goes wrong in one call of the database. */
export type StoreFault = 'none' | 'busy' | 'crash-before' | 'crash-after';

export interface SimStoreOptions {
  readonly process: SimProcess;
  /** Drawn for each call. */
  readonly fault: () => StoreFault;
  /** How long the call takes beside. */
  readonly delayMs: () => number;
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

type Method = (...args: unknown[]) => Promise<unknown>;

function guarded<T extends object>(target: T, options: SimStoreOptions): T {
  return new Proxy(target, {
    get(object, name) {
      const member: unknown = Reflect.get(object, name);
      if (typeof member !== 'function') return member;
      const method = (member as Method).bind(object);
      return (...args: unknown[]) => call(String(name), method, args, options);
    },
  });
}

async function call(
  name: string,
  method: Method,
  args: unknown[],
  { process, fault, delayMs, onCommitted }: SimStoreOptions,
): Promise<unknown> {
  const drawn = fault();
  if (drawn === 'crash-before') process.kill();
  await alive(process);
  await process.clock.sleep(delayMs());
  if (drawn === 'busy') throw new SpiderError('unavailable', 'the database is busy');
  const outcome = await settled(method(...args));
  if (name === 'commit' && 'value' in outcome) {
    onCommitted(args[0] as CommitBatch, outcome.value as CommitResult);
  }
  if (drawn === 'crash-after') process.kill();
  await alive(process);
  if ('value' in outcome) return outcome.value;
  throw outcome.error;
}

async function settled(
  promise: Promise<unknown>,
): Promise<{ value: unknown } | { error: unknown }> {
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
