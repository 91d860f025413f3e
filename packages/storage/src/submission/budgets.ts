import type { StorageConfig } from '../config.ts';
import { ByteBudget } from './byte-budget.ts';

/** The memory for what clients send. */
export interface Budgets {
  /** Submissions that arrive in pieces. */
  readonly uploads: ByteBudget;
  /** What is submitted and not durable yet. */
  readonly submissions: ByteBudget;
}

export const newBudgets = (limits: StorageConfig['runtime']['limits']): Budgets => ({
  uploads: new ByteBudget({
    what: 'uploads',
    most: limits.uploads,
    countKey: 'runtime.limits.uploads',
    mostBytes: limits.upload_bytes,
    bytesKey: 'runtime.limits.upload_bytes',
  }),
  submissions: new ByteBudget({
    what: 'submissions',
    most: limits.submissions,
    countKey: 'runtime.limits.submissions',
    mostBytes: limits.submission_bytes,
    bytesKey: 'runtime.limits.submission_bytes',
  }),
});
