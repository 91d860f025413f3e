import type { Assignee } from './assignee.ts';

/**
 * Shares tasks out among assignees in proportion to their credit: exact in sum, at most one task off
 * for each, never over its credit. When there are fewer tasks than credit, nobody is filled up while
 * another goes without.
 *
 * Walks once around from `start`, and cuts the line of all credit into equal parts, each task going
 * to whoever owns the middle of its part.
 *
 * @param tasks At most `credit`.
 * @param credit That of all assignees together.
 * @param give Told of each share of at least 1.
 * @returns Where the next walk is to start: after the one that received last.
 */
export function shareOut(
  assignees: readonly Assignee[],
  start: number,
  tasks: number,
  credit: number,
  give: (assignee: Assignee, share: number) => void,
): number {
  const count = assignees.length;
  let next = start;
  let passed = 0;
  let given = 0;
  for (let step = 0; step < count && given < tasks; step++) {
    const at = start + step < count ? start + step : start + step - count;
    const assignee = assignees[at];
    if (assignee === undefined || assignee.credit === 0) continue;
    passed += assignee.credit;
    const due = Math.floor((2 * passed * tasks + credit) / (2 * credit));
    if (due === given) continue;
    give(assignee, due - given);
    given = due;
    next = at + 1 < count ? at + 1 : 0;
  }
  return next;
}
