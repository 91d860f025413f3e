import type { ChangeResult, CommitBatch, JobStore } from '../db/job-store.ts';

/** A commit that was asked for, and waits for the test's answer. */
export interface ScriptedCommit {
  readonly batch: CommitBatch;
  succeed(): void;
  answer(results: readonly ChangeResult[]): void;
  fail(error: unknown): void;
}

/** Stands for the database's commits. Each waits until the test says how it ends. */
export class ScriptedStore implements Pick<JobStore, 'commit'> {
  /** All that were asked for, in order. */
  readonly commits: ScriptedCommit[] = [];

  commit(batch: CommitBatch): Promise<readonly ChangeResult[]> {
    const { promise, resolve, reject } = Promise.withResolvers<readonly ChangeResult[]>();
    this.commits.push({
      batch,
      answer: resolve,
      succeed: () => resolve(batch.changes.map(() => ({ kind: 'changed' }))),
      fail: reject,
    });
    return promise;
  }

  /** The commit that was asked for last. */
  get last(): ScriptedCommit {
    const last = this.commits.at(-1);
    if (last === undefined) throw new Error('nothing was to be committed');
    return last;
  }
}
