import type { ExecutionManagerId } from '@spider/core';

import type { AssignedTasks, AssignmentBatch, ConnectionNumber } from './dispatch-event.ts';
import type { JobQueue } from './job-queue.ts';

export interface TasksOfJob extends AssignedTasks {
  readonly job: JobQueue;
  readonly taskIndexes: number[];
}

export interface SentBatch extends AssignmentBatch {
  readonly tasks: readonly TasksOfJob[];
  /** How many tasks are in it. */
  readonly size: number;
}

/** An execution manager that tasks are assigned to, by one stream of it. */
export class Assignee {
  readonly connection: ConnectionNumber;
  readonly executionManagerId: ExecutionManagerId;
  /** The key of its profile, by which its pool is known. */
  readonly profileKey: string;
  /** About how many tasks it has on the way to it, assigned or asked for. */
  appetite = 0;
  /** How many more tasks it takes. */
  credit = 0;
  /** Entered at its own word, left never: it then gets nothing more. */
  draining = false;
  lastBatch = 0;
  /** Batches that were sent and not acknowledged, oldest first. */
  readonly unacknowledged: SentBatch[] = [];
  /** How many tasks are in them. */
  unacknowledgedTasks = 0;

  constructor(
    connection: ConnectionNumber,
    executionManagerId: ExecutionManagerId,
    profileKey: string,
  ) {
    this.connection = connection;
    this.executionManagerId = executionManagerId;
    this.profileKey = profileKey;
  }

  /** It takes so many more. Answers by how much that changes its appetite. */
  grant(credit: number): number {
    this.credit += credit;
    const held = this.credit + this.unacknowledgedTasks;
    // Follows at once when it rises, and slowly when it falls.
    const before = this.appetite;
    this.appetite = Math.max(held, before - Math.ceil(before / 8));
    return this.appetite - before;
  }

  /** The batch with the next number, which from now on waits to be acknowledged. */
  nextBatch(sessionId: SentBatch['sessionId'], tasks: TasksOfJob[], size: number): SentBatch {
    this.lastBatch += 1;
    const batch = { number: this.lastBatch, sessionId, tasks, size };
    this.unacknowledged.push(batch);
    this.unacknowledgedTasks += size;
    this.credit -= size;
    return batch;
  }

  /** Takes out what is acknowledged by this number. */
  takeAcknowledged(number: number): SentBatch[] {
    const open = this.unacknowledged;
    let count = 0;
    while (count < open.length && (open[count]?.number ?? Infinity) <= number) count += 1;
    return this.#take(count);
  }

  /** Takes out all that is not acknowledged. */
  takeUnacknowledged(): SentBatch[] {
    return this.#take(this.unacknowledged.length);
  }

  #take(count: number): SentBatch[] {
    const taken = this.unacknowledged.splice(0, count);
    for (const batch of taken) this.unacknowledgedTasks -= batch.size;
    return taken;
  }
}
