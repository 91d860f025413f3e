import {
  CLEANUP_TASK_INDEX,
  COMMIT_TASK_INDEX,
  failedPrecondition,
  invalidArgument,
  isFinalJobState,
  JobState,
  LIMITS,
  notFound,
  SpiderError,
} from '@spider/core';
import type { JobId } from '@spider/core';
import type { ReadTaskLogRequest, ReadTaskLogResponse } from '@spider/proto';
import type { Clock, RpcStream, RpcStreamCallbacks } from '@spider/runtime';
import { describeState } from '../cache/job-status.ts';
import type { JobStatus } from '../cache/job-status.ts';
import type { JobCache } from '../cache/job-cache.ts';
import type { JobStore } from '../db/job-store.ts';
import { describeTask } from '../describe-task.ts';
import type { Jobs } from '../jobs.ts';
import type { Journal } from '../journal/journal.ts';
import type { PlacedInstance, Whereabouts } from '../machine/whereabouts.ts';
import { fromUnknown } from '../unknown-error.ts';
import { findAttempt } from './find-attempt.ts';
import { LogHolders } from './log-holders.ts';
import type { FoundLog, LogHoldersOptions, TaskLogQuestion } from './log-holders.ts';
import { TaskLogReading } from './task-log-reading.ts';

export interface TaskLogsOptions extends LogHoldersOptions {
  readonly clock: Clock;
  readonly jobs: Jobs;
  readonly cache: JobCache;
  readonly journal: Pick<Journal, 'flush'>;
  readonly jobStore: Pick<JobStore, 'readJournal'>;
}

type Callbacks = Pick<RpcStreamCallbacks<never>, 'onClose' | 'onDrained'>;

const OFFSET_MAX = BigInt(Number.MAX_SAFE_INTEGER);

/** What tasks have printed, read where the execution managers that ran them keep it. */
export class TaskLogs {
  readonly #options: TaskLogsOptions;
  readonly #holders: LogHolders;
  #open = 0;

  constructor(options: TaskLogsOptions) {
    this.#options = options;
    this.#holders = new LogHolders(options);
  }

  /** How many are being read. */
  get size(): number {
    return this.#open;
  }

  /**
   * Tells a client what one attempt has printed.
   *
   * @throws SpiderError 'resource-exhausted' if too many read, 'invalid-argument' naming a field.
   */
  read(request: ReadTaskLogRequest, stream: RpcStream<ReadTaskLogResponse>): Callbacks {
    checkRequest(request);
    if (this.#open >= LIMITS.taskLogReads) {
      const limit = `${LIMITS.taskLogReads} task logs are being read`;
      throw new SpiderError('resource-exhausted', `${limit}, which is the limit`);
    }
    this.#open += 1;
    const read = new Read(request, stream, this.#options, this.#holders);
    void read.run();
    return {
      onClose: () => {
        this.#open -= 1;
        read.close();
      },
      onDrained: () => read.drained(),
    };
  }
}

function checkRequest({ attempt, taskInstanceId, executionManagerId, offset }: ReadTaskLogRequest) {
  if (offset > OFFSET_MAX) throw invalidArgument(`offset: ${offset} is beyond 2^53`);
  if (executionManagerId > OFFSET_MAX)
    throw invalidArgument(`execution_manager_id: ${executionManagerId} was never issued`);
  if (taskInstanceId === 0n && (executionManagerId > 0n || offset > 0n))
    throw invalidArgument('task_instance_id: is missing beside execution_manager_id or offset');
  if (taskInstanceId > 0n && attempt > 0)
    throw invalidArgument('attempt: has no meaning beside task_instance_id');
}

/** One call. */
class Read {
  readonly #request: ReadTaskLogRequest;
  readonly #jobId: JobId;
  readonly #stream: RpcStream<ReadTaskLogResponse>;
  readonly #options: TaskLogsOptions;
  readonly #holders: LogHolders;
  #reading: TaskLogReading | undefined;
  #unwatch: (() => void) | undefined;
  #onChange: (() => void) | undefined;
  #isClosed = false;

  constructor(
    request: ReadTaskLogRequest,
    stream: RpcStream<ReadTaskLogResponse>,
    options: TaskLogsOptions,
    holders: LogHolders,
  ) {
    this.#request = request;
    this.#jobId = request.jobId as JobId;
    this.#stream = stream;
    this.#options = options;
    this.#holders = holders;
  }

  /** Never rejects: what goes wrong is the answer. */
  async run(): Promise<void> {
    try {
      if (this.#request.follow) this.#watchJob();
      const found = await this.#find();
      if (this.#isClosed) found.log.cancel();
      else this.#passOn(found);
    } catch (error) {
      if (!this.#isClosed) this.#stream.cancel(fromUnknown(error));
    }
  }

  drained(): void {
    this.#reading?.drained();
  }

  close(): void {
    this.#isClosed = true;
    this.#unwatch?.();
    this.#reading?.close();
    this.#onChange?.();
  }

  #passOn(found: FoundLog): void {
    const { clock } = this.#options;
    const instance = Number(found.taskInstanceId);
    const follow = this.#request.follow && this.#isLive(instance);
    const reading = new TaskLogReading({ clock, found, stream: this.#stream, follow });
    this.#reading = reading;
    if (!follow) {
      // If it was out when it was asked for.
      found.log.finish();
      return;
    }
    this.#onChange = () => {
      if (!this.#isLive(instance)) reading.finish();
    };
  }

  #isLive(instance: number): boolean {
    const job = this.#options.cache.find(this.#jobId);
    return job?.machine.isLive(this.#request.taskIndex, instance) === true;
  }

  /** Tells `#onChange` whenever something has become of the job. */
  #watchJob(): void {
    this.#unwatch = this.#options.jobs.watch(this.#jobId, {
      minIntervalMs: 0,
      onStatus: () => this.#onChange?.(),
      onError: () => this.#onChange?.(),
    });
  }

  async #find(): Promise<FoundLog> {
    const { taskInstanceId, executionManagerId } = this.#request;
    if (executionManagerId > 0n) {
      return await this.#at({
        instance: Number(taskInstanceId),
        executionManager: Number(executionManagerId),
      });
    }
    const job = this.#options.cache.find(this.#jobId);
    if (job === undefined) return await this.#findOfEnded();
    if (taskInstanceId > 0n) return await this.#holders.anywhere(this.#question(taskInstanceId));
    const placed = await this.#placeWhenBegun();
    return placed === undefined ? await this.#findOfEnded() : await this.#at(placed);
  }

  async #at({ instance, executionManager }: PlacedInstance): Promise<FoundLog> {
    return await this.#holders.at(executionManager, this.#question(BigInt(instance)));
  }

  #question(taskInstanceId: bigint): TaskLogQuestion {
    const { jobId, taskIndex, offset, follow } = this.#request;
    const isLive = taskInstanceId > 0n && this.#isLive(Number(taskInstanceId));
    return { jobId, taskIndex, taskInstanceId, offset, follow: follow && isLive };
  }

  /** Where the attempt is or was; undefined if the job ended before it began. */
  async #placeWhenBegun(): Promise<PlacedInstance | undefined> {
    const { taskIndex, attempt, follow } = this.#request;
    for (;;) {
      const job = this.#options.cache.find(this.#jobId);
      if (job === undefined) return undefined;
      const whereabouts = job.machine.whereabouts(taskIndex);
      if (whereabouts === undefined) {
        throw notFound(`job ${this.#jobId} has no ${describeTask(taskIndex)}`);
      }
      const placed = placeOf(whereabouts, attempt);
      if (placed !== undefined) return placed;
      if (attempt > 0 && attempt <= whereabouts.attempts) return await this.#journaled();
      if (!follow) throw failedPrecondition(this.#notBegun(whereabouts));
      await this.#change();
      if (this.#isClosed) throw new SpiderError('cancelled', 'the client went away');
    }
  }

  #change(): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#onChange = resolve;
    return promise;
  }

  #notBegun({ attempts }: Whereabouts): string {
    const { taskIndex, attempt } = this.#request;
    const task = `${describeTask(taskIndex)} of job ${this.#jobId}`;
    if (attempt === 0) return `${task} has not been run`;
    return `attempt: ${task} has had ${attempts} so far, not ${attempt}`;
  }

  async #journaled(): Promise<PlacedInstance> {
    const { jobStore, journal } = this.#options;
    const { taskIndex, attempt } = this.#request;
    await journal.flush();
    const placed = await findAttempt(jobStore, this.#jobId, taskIndex, attempt);
    if (placed === undefined) throw failedPrecondition(this.#forgotten());
    return placed;
  }

  #forgotten(): string {
    const { taskIndex, attempt } = this.#request;
    const task = `${describeTask(taskIndex)} of job ${this.#jobId}`;
    return `attempt: it is not known any more who made attempt ${attempt} at ${task}`;
  }

  /** Of a job that is not in memory. */
  async #findOfEnded(): Promise<FoundLog> {
    const { jobs, jobStore } = this.#options;
    const { taskIndex, attempt, taskInstanceId } = this.#request;
    const status = await jobs.status(this.#jobId);
    if (!isFinalJobState(status.state))
      throw new SpiderError('unavailable', `${describeState(status)} and not in memory just now`);
    if (!mayHave(status, taskIndex)) {
      throw notFound(`job ${this.#jobId} has no ${describeTask(taskIndex)}`);
    }
    if (status.state === JobState.Failed && taskInstanceId === 0n) {
      const placed = await findAttempt(jobStore, this.#jobId, taskIndex, attempt);
      if (placed !== undefined) return await this.#at(placed);
    }
    if (attempt > 0) throw failedPrecondition(this.#forgotten());
    return await this.#holders.anywhere(this.#question(taskInstanceId));
  }
}

function placeOf(
  { attempts, ended, live }: Whereabouts,
  attempt: number,
): PlacedInstance | undefined {
  if (attempt === 0) return live ?? ended;
  if (attempt === attempts + 1) return live;
  return attempt === attempts ? ended : undefined;
}

const mayHave = ({ totalTasks }: JobStatus, taskIndex: number): boolean =>
  taskIndex < totalTasks || taskIndex === COMMIT_TASK_INDEX || taskIndex === CLEANUP_TASK_INDEX;
