import type { JobId, TaskIndex } from '@spider/core';
import type { JobStore } from '../db/job-store.ts';
import { JournalDecoder } from '../journal/journal-record.ts';
import { AttemptCursor } from '../machine/attempt-cursor.ts';
import type { PlacedInstance } from '../machine/whereabouts.ts';

/** Rows of a journal that are read at once. */
const ROWS_PER_PAGE = 8;

/**
 * Looks up in a job's journal who ran an attempt at a task.
 *
 * @param attempt from 1; 0 stands for the last one.
 * @returns undefined if the journal does not tell of it.
 */
export async function findAttempt(
  store: Pick<JobStore, 'readJournal'>,
  jobId: JobId,
  taskIndex: TaskIndex,
  attempt: number,
): Promise<PlacedInstance | undefined> {
  const decoder = new JournalDecoder();
  let found: PlacedInstance | undefined;
  let count = 0;
  for (let after = 0; ;) {
    const rows = await store.readJournal(jobId, after, ROWS_PER_PAGE);
    for (const { sequence, records } of rows) {
      after = sequence;
      for (const columns of decoder.push(records)) {
        const cursor = new AttemptCursor(columns);
        while (cursor.next()) {
          if (cursor.taskIndex !== taskIndex) continue;
          found = { instance: cursor.instance, executionManager: columns.executionManager };
          count += 1;
          if (count === attempt) return found;
        }
      }
    }
    if (rows.length < ROWS_PER_PAGE) break;
  }
  return attempt === 0 ? found : undefined;
}
