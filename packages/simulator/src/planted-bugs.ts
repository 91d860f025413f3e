/** A mistake that somebody could make. It is made in a running build, and nowhere else. */
export interface PlantedBug {
  /** The promise that it breaks. */
  readonly checker: string;
  /** The built file, from the folder of the packages. */
  readonly file: string;
  /** Stands in it exactly once. */
  readonly find: string;
  readonly replace: string;
  /** The first of the hundred seeds that are to catch it; 1 by default. */
  readonly from?: number;
}

/** One for each promise: a checker that has never caught anything may not be able to. */
export const PLANTED_BUGS: Readonly<Record<string, PlantedBug>> = {
  'a task gets the first output of its parent, whichever it asked for': {
    checker: 'outputs-right',
    file: 'storage/dist/machine/task-inputs.js',
    find: 'this.#outputs.write(source, slot, to);',
    replace: 'this.#outputs.write(source, 0, to);',
  },
  'finished attempts are journaled twice': {
    checker: 'accepted-once',
    file: 'storage/dist/effects/attempt-journal.js',
    find: 'journal.append(job.journal, records, effect.positions.length);',
    replace:
      'for (const _ of [1, 2]) journal.append(job.journal, records, effect.positions.length);',
  },
  'the first block of each journal row is not read back': {
    checker: 'flushed-never-again',
    file: 'storage/dist/recovery/recover-jobs.js',
    find: '() => decoder.push(records))',
    replace: '() => decoder.push(records).slice(1))',
  },
  'a job that has committed ends as cancelled': {
    checker: 'commit-excludes-cleanup',
    file: 'storage/dist/machine/attempt.js',
    find: 'beginTransition(job, { to: JobState.Succeeded, at }, effects.list);',
    replace: 'beginTransition(job, { to: JobState.Cancelled, at }, effects.list);',
    from: 6,
  },
  'a task waits for all of its parents but one': {
    checker: 'parents-first',
    file: 'storage/dist/machine/attempt.js',
    find: 'if (left > 0)',
    replace: 'if (left > 1)',
  },
  'what was handed out goes on after a cancel': {
    checker: 'cancelled-starts-nothing',
    file: 'storage/dist/machine/transition.js',
    find: 'if (isFinalTaskState(state))',
    replace: 'if (isFinalTaskState(state) || state === TaskState.Ready)',
    from: 16,
  },
  'a slow task may run three times at once': {
    checker: 'instances-limited',
    file: 'storage/dist/machine/job-control-block.js',
    find: 'this.slow.has(row) ? 2 : 1',
    replace: 'this.slow.has(row) ? 3 : 1',
    from: 43,
  },
  'the last retry is not made': {
    checker: 'retries-kept',
    file: 'storage/dist/machine/job-control-block.js',
    find: 'return failures <= this.kindOf(row).policy.maxRetries;',
    replace: 'return failures < this.kindOf(row).policy.maxRetries;',
  },
  'a storage finds only after a write that it was superseded': {
    checker: 'superseded-writes-nothing',
    file: 'storage/dist/db/session-database.js',
    find: 'throw new SupersededError(this.sessionId, active);',
    replace: 'this.#superseded.resolve(new SupersededError(this.sessionId, active));',
  },
  'what is read back counts as not flushed': {
    checker: 'progress-never-back',
    file: 'storage/dist/recovery/recover-jobs.js',
    find: 'job.tasksFlushed(succeededTasks);',
    replace: '',
    from: 25,
  },
  'what a lost execution manager held stays with it': {
    checker: 'every-job-ends',
    file: 'storage/dist/machine/liveness.js',
    find: 'releaseAllBut(job, executionManager, NOTHING_HELD);',
    replace: '',
  },
  'the database counts one task too many': {
    checker: 'cache-equals-database',
    file: 'storage/dist/db/job-writes.js',
    find: 'errorMessage: change.errorMessage ?? null,',
    replace:
      'errorMessage: change.errorMessage ?? null, succeededTasks: change.succeededTasks + 1,',
  },
  'a slow task that has succeeded stays queued': {
    checker: 'invariants-hold',
    file: 'storage/dist/machine/attempt.js',
    find: 'job.ready.remove(row);\n    if (job.slow.size > 0)',
    replace: 'if (job.slow.size > 0)',
  },
  'a timer outlives its storage': {
    checker: 'resources-released',
    file: 'storage/dist/storage-service.js',
    find: 'parts.retention[Symbol.dispose]();',
    replace: '',
  },
  'a storage that is away looks broken': {
    checker: 'clear-answers',
    file: 'proto/dist/convert/error.js',
    find: 'unavailable: Code.Unavailable,',
    replace: 'unavailable: Code.Internal,',
    from: 17,
  },
  'a job may run one task more than its limit': {
    checker: 'limits-kept',
    file: 'storage/dist/queue/concurrency-limits.js',
    find: 'maxConcurrency - job.machine.outCount',
    replace: 'maxConcurrency + 1 - job.machine.outCount',
    from: 68,
  },
  'any value of a label will do': {
    checker: 'placement-kept',
    file: 'core/dist/scheduling/labels.js',
    find: 'labels[key] === value',
    replace: 'value !== undefined && key in labels',
    from: 39,
  },
  'what a resource group has been given does not count': {
    checker: 'light-tenant-not-starved',
    file: 'core/dist/scheduling/fair-queue.js',
    find: 'group.virtualTime += tasks / group.weight;',
    replace: '',
    from: 13,
  },
  'the scheduler asks for tasks as if none were on their way': {
    checker: 'buffers-bounded',
    file: 'scheduler/dist/machine/task-pool.js',
    find: 'this.#target() - this.waiting - this.upstreamCredit',
    replace: 'this.#target() - this.waiting',
  },
  'storage reads on while the database is away': {
    checker: 'buffers-bounded',
    file: 'storage/dist/journal/journal.js',
    find: 'return this.unflushedBytes < this.#capacityBytes;',
    replace: 'return true;',
    from: 105,
  },
  'a closed stream still listens to the journal': {
    checker: 'resources-released',
    file: 'storage/dist/rpc/worker-connection.js',
    find: 'this.#stopListening();',
    replace: '',
  },
  'a pause is drawn without the seed': {
    checker: 'same-seed-same-run',
    file: 'runtime/dist/backoff.js',
    find: 'policy.jitter * rng.float()',
    replace: 'policy.jitter * Math.random()',
  },
};

/** The source with the mistake in it. @throws Error if there is no longer one place for it. */
export function plant(bug: PlantedBug, source: string): string {
  const parts = source.split(bug.find);
  if (parts.length !== 2) {
    throw new Error(`${bug.file} has ${parts.length - 1} times, not once: ${bug.find}`);
  }
  return parts.join(bug.replace);
}
