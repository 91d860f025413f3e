import type { JobId } from '@spider/core';
import type {
  ChangeResult,
  CommitBatch,
  CommitResult,
  JobStateChange,
  NewJob,
  SubmissionResult,
} from '../db/job-store.ts';
import type { JobJournal } from './job-journal.ts';

/** Something that is to be written, and whoever waits for it. */
class Pending<Item, Result> {
  readonly item: Item;
  readonly #outcome = Promise.withResolvers<Result>();

  constructor(item: Item) {
    this.item = item;
  }

  get outcome(): Promise<Result> {
    return this.#outcome.promise;
  }

  settle(result: Result | undefined): void {
    if (result === undefined) this.reject(new Error('the store answered too few results'));
    else this.#outcome.resolve(result);
  }

  reject(error: unknown): void {
    this.#outcome.reject(error);
  }
}

/** What gathers for one transaction: submissions, finished attempts, changes of state. */
export class Flush {
  /** All appends up to this number are in this flush or in an earlier one. */
  ticket = 0;
  bytes = 0;
  records = 0;
  /** When the first of it came, by the monotonic clock. */
  openedUs: number | undefined;
  readonly #journals = new Map<JobId, JobJournal>();
  readonly #submissions: Pending<NewJob, SubmissionResult>[] = [];
  readonly #changes: Pending<JobStateChange, ChangeResult>[] = [];

  get isEmpty(): boolean {
    return (
      this.#journals.size === 0 && this.#submissions.length === 0 && this.#changes.length === 0
    );
  }

  /** Attempts, submissions and changes of state. */
  get count(): number {
    return this.records + this.#submissions.length + this.#changes.length;
  }

  append(journal: JobJournal, records: Uint8Array, count: number): void {
    journal.add(records);
    this.#journals.set(journal.jobId, journal);
    this.bytes += records.length;
    this.records += count;
  }

  /** Of the jobs that have finished attempts in it. */
  journals(): Iterable<JobJournal> {
    return this.#journals.values();
  }

  submit(job: NewJob): Promise<SubmissionResult> {
    const pending = new Pending<NewJob, SubmissionResult>(job);
    this.#submissions.push(pending);
    this.bytes += job.graph.length + job.inputs.length;
    for (const row of job.retry?.journal ?? []) this.bytes += row.length;
    return pending.outcome;
  }

  change(change: JobStateChange): Promise<ChangeResult> {
    const pending = new Pending<JobStateChange, ChangeResult>(change);
    this.#changes.push(pending);
    this.bytes += change.outputs?.length ?? 0;
    return pending.outcome;
  }

  /** What is to be written. To be asked once: it takes the records out of their journals. */
  toBatch(): CommitBatch {
    const changes = this.#changes.map(({ item }) => item);
    for (const change of changes) {
      // Written now and deleted in the same transaction: not written at all.
      if (change.deleteJournal) this.#journals.get(change.jobId)?.discard();
    }
    const journal = [];
    for (const ofJob of this.#journals.values()) journal.push(...ofJob.takeRows());
    return { submissions: this.#submissions.map(({ item }) => item), journal, changes };
  }

  settle({ submissions, changes }: CommitResult): void {
    this.#submissions.forEach((pending, at) => pending.settle(submissions[at]));
    this.#changes.forEach((pending, at) => pending.settle(changes[at]));
  }

  reject(error: unknown): void {
    for (const pending of this.#submissions) pending.reject(error);
    for (const pending of this.#changes) pending.reject(error);
  }

  /**
   * Takes a flush apart, with its batch, into pieces that have nothing to do with one another: each
   * submission, and each job with its records and changes.
   */
  split(batch: CommitBatch): FlushPart[] {
    const parts: FlushPart[] = this.#submissions.map((pending) => {
      const flush = new Flush();
      flush.#submissions.push(pending);
      return { flush, batch: { submissions: [pending.item], journal: [], changes: [] } };
    });
    const jobIds = new Set([
      ...this.#journals.keys(),
      ...this.#changes.map(({ item }) => item.jobId),
    ]);
    for (const jobId of jobIds) {
      const flush = new Flush();
      flush.#changes.push(...this.#changes.filter(({ item }) => item.jobId === jobId));
      const changes = flush.#changes.map(({ item }) => item);
      const journal = batch.journal.filter((row) => row.jobId === jobId);
      parts.push({ flush, batch: { submissions: [], journal, changes }, jobId });
    }
    return parts;
  }
}

export interface FlushPart {
  readonly flush: Flush;
  readonly batch: CommitBatch;
  /** The job that it belongs to, unless it is a submission. */
  readonly jobId?: JobId;
}
