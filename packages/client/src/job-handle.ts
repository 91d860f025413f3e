import {
  decodeSerializedOutputs,
  isFinalJobState,
  type JobId,
  JobState,
  jobStateName,
  SpiderError,
  TaskState,
  toId,
  type Zstd,
} from '@spider/core';
import { fromWireJobState } from '@spider/proto';
import { type Clock, randomKey, type Rng } from '@spider/runtime';
import { SUBMIT_ROUNDS } from './submit-rounds.ts';
import { fetchOutputs } from './fetch-outputs.ts';
import { JobFailedError, LISTED_FAILURES } from './job-failed-error.ts';
import type { JobServiceCaller } from './job-service-caller.ts';
import { fromWireJobStatus, type JobStatus } from './job-status.ts';
import {
  fromWireDescription,
  type JobDescription,
  listTasks,
  type ListTasksOptions,
  type TaskStatus,
} from './job-tasks.ts';
import { READ_ROUNDS } from './read-rounds.ts';
import { readTaskLog, type TaskLogLine, type TaskLogOptions } from './task-log.ts';
import { FINAL_STATUS_ONLY, watchJob } from './watch-job.ts';

/** What each request takes. */
export interface RequestOptions {
  /** Gives up; the request rejects with the signal's reason then. */
  readonly signal?: AbortSignal;
}

export interface WaitOptions extends RequestOptions {
  /** Gives up after this long, with a SpiderError 'cancelled'. The job goes on. By default never. */
  readonly timeoutMs?: number;
}

export interface WatchOptions extends RequestOptions {
  /** The least time between two statuses; the final one comes at once. 100 by default. */
  readonly minIntervalMs?: number;
}

export interface CancelOptions extends RequestOptions {
  /** Why, for whoever looks at the job later, in at most 1,024 bytes: its `endReason`. */
  readonly reason?: string;
  /**
   * Ends the job without its cleanup task, also when that waits already, or runs: the one way out for a
   * job whose cleanup no execution manager can run. Default: false.
   */
  readonly skipCleanup?: boolean;
}

export interface RetryOptions extends RequestOptions {
  /** Also starts the new job. Default: false; `start()` of its handle does it later. */
  readonly start?: boolean;
  /**
   * Names the retry, in at most 256 bytes, so that it is not made twice: see the option of the same
   * name of `submit`. Default: a random one, for the repetitions of this call alone.
   */
  readonly idempotencyKey?: string;
}

/** What a handle works with. */
export interface JobHandleContext {
  readonly caller: JobServiceCaller;
  readonly clock: Clock;
  readonly rng: Rng;
  readonly zstd: Zstd;
}

const DEFAULT_WATCH_INTERVAL_MS = 100;

/**
 * A job that was submitted. The handle keeps nothing of it but its id: closing the client does not
 * touch the job.
 *
 * Its methods throw a SpiderError whose code says what kind of problem it is. What only reads is
 * repeated, at all endpoints, when storage does not answer, and so is `retry`; `start`, `cancel` and
 * `delete` are not.
 */
export class JobHandle<Outputs = readonly Uint8Array[]> {
  readonly id: JobId;
  readonly #context: JobHandleContext;
  readonly #decodeOutputs: (frame: Uint8Array) => Outputs;
  #finalStatus: JobStatus | undefined;

  /** Handles come from a client: `submit`, `submitGraph` or `job`. */
  constructor(id: JobId, context: JobHandleContext, decodeOutputs: (frame: Uint8Array) => Outputs) {
    this.id = id;
    this.#context = context;
    this.#decodeOutputs = decodeOutputs;
  }

  /**
   * Starts the job. Not needed if it was submitted with `start: true`.
   *
   * @throws SpiderError 'failed-precondition' if it was started or cancelled before, 'unavailable' if
   * storage did not answer; then it may have been started or not.
   */
  async start(options: RequestOptions = {}): Promise<JobState> {
    try {
      const { state } = await this.#context.caller.callOnce(
        (client, call) => client.startJob({ jobId: this.id }, call),
        options.signal,
      );
      return fromWireJobState(state);
    } catch (error) {
      throw this.#unknownOutcome(error, 'start');
    }
  }

  /**
   * Cancels the job. One that has not started is cancelled at once. One that has may still have a
   * cleanup task to run: `wait` for its end.
   *
   * @throws SpiderError 'failed-precondition' if it has ended already, or is being cleaned up and that
   * is not to be skipped; 'unavailable' if storage did not answer; then it may have been cancelled or
   * not.
   */
  async cancel(options: CancelOptions = {}): Promise<JobState> {
    const { reason = '', skipCleanup = false } = options;
    const request = { jobId: this.id, reason, skipCleanup };
    try {
      const { state } = await this.#context.caller.callOnce(
        (client, call) => client.cancelJob(request, call),
        options.signal,
      );
      return fromWireJobState(state);
    } catch (error) {
      throw this.#unknownOutcome(error, 'cancel');
    }
  }

  /** How far the job is. */
  async status(options: RequestOptions = {}): Promise<JobStatus> {
    const { status } = await this.#context.caller.call(
      (client, call) => client.getJob({ jobId: this.id }, call),
      { maxRounds: READ_ROUNDS, signal: options.signal },
    );
    return fromWireJobStatus(status);
  }

  /** How far the job is, with its tasks counted by state and by function. */
  async describe(options: RequestOptions = {}): Promise<JobDescription> {
    const response = await this.#context.caller.call(
      (client, call) => client.describeJob({ jobId: this.id }, call),
      { maxRounds: READ_ROUNDS, signal: options.signal },
    );
    return fromWireDescription(response);
  }

  /**
   * The job's tasks by ascending index, a commit and a cleanup task last. They are fetched in pages, the
   * next one when the loop gets there; tasks may move on in between.
   */
  tasks(options: ListTasksOptions = {}): AsyncGenerator<TaskStatus, void> {
    return listTasks(this.#context.caller, this.id, options);
  }

  /**
   * What one attempt at a task has printed, line by line as the loop gets there. It is kept by the
   * execution manager that ran it, if `logs.dir` is set in its configuration.
   *
   * @param taskIndex its position in the task graph; COMMIT_TASK_INDEX or CLEANUP_TASK_INDEX.
   * @throws SpiderError 'failed-precondition' if the task has not run, or if that execution manager has
   * ended or keeps no logs; 'not-found' if the job has no such task, or if it is not known any more who
   * ran it and nobody has a line of it; 'unavailable' while storage or that execution manager is away.
   *
   * @example
   *   for await (const { text } of handle.taskLog(7, { follow: true })) console.log(text);
   */
  taskLog(taskIndex: number, options: TaskLogOptions = {}): AsyncGenerator<TaskLogLine, void> {
    return readTaskLog(this.#context.caller, this.id, taskIndex, options);
  }

  /**
   * Deletes the job with all that storage keeps of it, its outputs too.
   *
   * @throws SpiderError 'failed-precondition' unless it has ended, 'not-found' if it is deleted already,
   * 'unavailable' if storage did not answer; then it may be deleted or not.
   */
  async delete(options: RequestOptions = {}): Promise<void> {
    try {
      await this.#context.caller.callOnce(
        (client, call) => client.deleteJob({ jobId: this.id }, call),
        options.signal,
      );
    } catch (error) {
      throw this.#unknownOutcome(error, 'delete');
    }
  }

  /**
   * Submits the job anew after it has failed: with the same inputs, as a job of its own. Tasks that
   * have succeeded do not run again; all others do, with all of their retries. This job stays as it is.
   *
   * @returns a handle of the new job.
   * @throws SpiderError 'failed-precondition' if the job has not failed. What a cancelled job had
   * finished is not known any more: submit that one anew.
   *
   * @example
   *   const again = await handle.retry({ start: true });
   *   const outputs = await again.outputs();
   */
  async retry(options: RetryOptions = {}): Promise<JobHandle<Outputs>> {
    const request = {
      jobId: this.id,
      idempotencyKey: options.idempotencyKey ?? randomKey(this.#context.rng),
      start: options.start ?? false,
    };
    const { jobId } = await this.#context.caller.call(
      (client, call) => client.retryJob(request, call),
      { maxRounds: SUBMIT_ROUNDS, signal: options.signal },
    );
    return new JobHandle(toId<JobId>(jobId), this.#context, this.#decodeOutputs);
  }

  /** The state the job is in. */
  async state(options: RequestOptions = {}): Promise<JobState> {
    return (await this.status(options)).state;
  }

  /** Why the job failed; undefined if it did not, or not yet. */
  async error(options: RequestOptions = {}): Promise<string | undefined> {
    return (await this.status(options)).errorMessage;
  }

  /**
   * Follows the job: its status at once, then whenever it has changed, until it has ended. A lost
   * connection only delays it. Leaving the loop ends the watch, not the job.
   */
  watch(options: WatchOptions = {}): AsyncGenerator<JobStatus, void> {
    const { minIntervalMs = DEFAULT_WATCH_INTERVAL_MS, signal } = options;
    return watchJob(this.#context.caller, this.id, minIntervalMs, signal);
  }

  /**
   * Waits until the job has ended, in whatever way, and answers its final status. Storage tells it at
   * once; a lost connection only delays it. A job that nobody starts never ends.
   */
  async wait(options: WaitOptions = {}): Promise<JobStatus> {
    if (this.#finalStatus !== undefined) return this.#finalStatus;
    using deadline = this.#deadline(options);
    const statuses = watchJob(this.#context.caller, this.id, FINAL_STATUS_ONLY, deadline.signal);
    for await (const status of statuses) {
      if (isFinalJobState(status.state)) this.#finalStatus = status;
    }
    if (this.#finalStatus !== undefined) return this.#finalStatus;
    throw new SpiderError(
      'internal',
      `job ${this.id} was watched to its end without a final state`,
    );
  }

  /**
   * Waits until the job has ended, and reads its outputs.
   *
   * @throws JobFailedError, with the reason and the tasks that failed, if the job failed; SpiderError
   * 'failed-precondition', with the reason, if it was cancelled.
   */
  async outputs(options: WaitOptions = {}): Promise<Outputs> {
    const status = await this.wait(options);
    if (status.state !== JobState.Succeeded) throw await this.#noOutputs(status, options);
    const { caller, zstd } = this.#context;
    const serializedOutputs = await fetchOutputs(caller, this.id, options.signal);
    return this.#decodeOutputs(decodeSerializedOutputs(serializedOutputs, zstd));
  }

  async #noOutputs(status: JobStatus, { signal }: WaitOptions): Promise<SpiderError> {
    if (status.state === JobState.Failed) {
      return new JobFailedError(status, await this.#failedTasks(signal));
    }
    const reason = status.endReason === undefined ? '' : `: ${status.endReason}`;
    return new SpiderError(
      'failed-precondition',
      `job ${this.id} has no outputs, it is ${jobStateName(status.state)}${reason}`,
    );
  }

  /** The first of them, for an error that is better thrown without them than not at all. */
  async #failedTasks(signal: AbortSignal | undefined): Promise<readonly TaskStatus[]> {
    const failed: TaskStatus[] = [];
    const pageSize = LISTED_FAILURES;
    try {
      const options = { states: [TaskState.Failed], pageSize, ...(signal && { signal }) };
      for await (const task of this.tasks(options)) {
        failed.push(task);
        if (failed.length === pageSize) break;
      }
    } catch {
      signal?.throwIfAborted();
    }
    return failed;
  }

  #deadline({ timeoutMs, signal }: WaitOptions): { signal?: AbortSignal } & Disposable {
    if (timeoutMs === undefined) return { ...(signal && { signal }), [Symbol.dispose]: () => {} };
    const expiry = new AbortController();
    const timer = this.#context.clock.setTimer(timeoutMs, () => {
      const message = `job ${this.id} has not ended within ${timeoutMs} ms; it goes on, wait() again`;
      expiry.abort(new SpiderError('cancelled', message));
    });
    return {
      signal: signal ? AbortSignal.any([signal, expiry.signal]) : expiry.signal,
      [Symbol.dispose]: () => timer.cancel(),
    };
  }

  #unknownOutcome(error: unknown, request: 'start' | 'cancel' | 'delete'): unknown {
    if (!(error instanceof SpiderError) || error.code !== 'unavailable') return error;
    return new SpiderError(
      'unavailable',
      `storage did not answer (${error.message}): job ${this.id} may have got the ${request} or not; look at its status(), then ${request}() it again if need be`,
      { cause: error },
    );
  }
}
