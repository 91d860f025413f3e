import type { ChangeResult, CommitBatch, CommitResult, JobStore } from '../db/job-store.ts';

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

  commit(batch: CommitBatch): Promise<CommitResult> {
    const { promise, resolve, reject } = Promise.withResolvers<CommitResult>();
    this.commits.push({
      batch,
      answer: (changes) => resolve({ submissions: [], changes }),
      succeed: () =>
        resolve({
          submissions: batch.submissions.map(() => ({ kind: 'no-resource-group' })),
          changes: batch.changes.map(() => ({ kind: 'changed' })),
        }),
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
