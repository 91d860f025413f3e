import { LIMITS } from '@spider/core';
import { DeadlineQueue } from '@spider/runtime';
import type { Clock, Deadline } from '@spider/runtime';
import type { Job } from '../cache/job.ts';
import { HandOuts } from './hand-outs.ts';
import type { HandOutsOptions } from './hand-outs.ts';
import type { InboundQueue } from './inbound-queue.ts';
import { Lane, LANES } from './lane.ts';
import type { ReadyTasks } from './ready-task-feed.ts';

export interface ReadyTaskPollsOptions {
  readonly clock: Clock;
  readonly queue: InboundQueue;
  /** How many tasks of each kind may be on their way to execution managers. */
  readonly capacity: Readonly<Record<Lane, number>>;
  /** How long one may be on its way. */
  readonly handOutTimeoutMs: number;
  readonly onHandOutsLost: HandOutsOptions['onLost'];
  /** Somebody has begun to poll, or nobody does any more. */
  readonly onPresence: (isPresent: boolean) => void;
  /** Polls that may wait at a time, for each kind of tasks. */
  readonly waitingMax: number;
}

export interface Poll {
  readonly lane: Lane;
  readonly maxTasks: number;
  /** How long to wait for the first task. */
  readonly waitMs: number;
  readonly signal: AbortSignal;
}

/** Whoever has not polled for so long is gone. */
const PRESENCE_MS = 10_000;

/** Someone who waits for a task. */
interface Waiter {
  readonly maxTasks: number;
  readonly answer: (tasks: ReadyTasks[]) => void;
}

/**
 * Hands ready tasks to schedulers of the reference, which ask for them again and again. A poll is
 * answered as soon as there is anything. That an answer arrives is not known, so what it hands out
 * comes back by itself; see `HandOuts`.
 */
export class ReadyTaskPolls {
  readonly #options: ReadyTaskPollsOptions;
  readonly #handOuts: HandOuts;
  readonly #deadlines: DeadlineQueue;
  readonly #presence: Deadline;
  readonly #waiters: Record<Lane, Set<Waiter>> = {
    [Lane.Commit]: new Set(),
    [Lane.Cleanup]: new Set(),
    [Lane.Regular]: new Set(),
  };
  #isPresent = false;
  #isServeDue = false;
  #isClosed = false;

  constructor(options: ReadyTaskPollsOptions) {
    const { clock, handOutTimeoutMs: timeoutMs, onHandOutsLost: onLost } = options;
    this.#options = options;
    this.#handOuts = new HandOuts({ clock, timeoutMs, onLost });
    this.#deadlines = new DeadlineQueue(clock);
    this.#presence = this.#deadlines.create(() => this.#missed());
  }

  /** Whether somebody polls. */
  get isPresent(): boolean {
    return this.#isPresent;
  }

  /** How many wait for a task of this kind. */
  waiting(lane: Lane): number {
    return this.#waiters[lane].size;
  }

  /** Resolves with tasks, or with none when the wait is over. */
  async poll({ lane, maxTasks, waitMs, signal }: Poll): Promise<readonly ReadyTasks[]> {
    this.#seen();
    const most = Math.min(maxTasks, LIMITS.tasksPerPoll);
    // Nobody is served before those who have waited for longer.
    const tasks = this.#waiters[lane].size === 0 ? this.#take(lane, most) : [];
    const isOver = tasks.length > 0 || most === 0 || waitMs === 0;
    if (isOver || signal.aborted || this.#isClosed) return tasks;
    return await this.#wait(lane, most, Math.min(waitMs, LIMITS.pollWaitMs), signal);
  }

  /** There are ready tasks, or room for more on their way. */
  wake(): void {
    if (this.#isServeDue || LANES.every((lane) => this.#waiters[lane].size === 0)) return;
    this.#isServeDue = true;
    this.#options.clock.defer(() => {
      this.#isServeDue = false;
      for (const lane of LANES) this.#serve(lane);
    });
  }

  jobEnded(job: Job): void {
    this.#handOuts.forget(job);
  }

  /** A new scheduler is there: what an earlier one got, and nobody has leased, goes to this one. */
  schedulerRegistered(): void {
    this.#handOuts.loseAll();
  }

  /** Answers all who wait, and nobody waits from now on. */
  close(): void {
    this.#isClosed = true;
    for (const lane of LANES) {
      for (const waiter of this.#waiters[lane]) waiter.answer([]);
    }
    this.#handOuts[Symbol.dispose]();
    this.#deadlines[Symbol.dispose]();
  }

  #wait(
    lane: Lane,
    maxTasks: number,
    waitMs: number,
    signal: AbortSignal,
  ): Promise<readonly ReadyTasks[]> {
    const waiters = this.#waiters[lane];
    // All answers may come early, so the oldest makes room.
    if (waiters.size >= this.#options.waitingMax) firstOf(waiters)?.answer([]);
    const { promise, resolve } = Promise.withResolvers<readonly ReadyTasks[]>();
    const giveUp = (): void => waiter.answer([]);
    const deadline = this.#deadlines.create(giveUp);
    const waiter: Waiter = {
      maxTasks,
      answer: (tasks) => {
        waiters.delete(waiter);
        deadline.clear();
        signal.removeEventListener('abort', giveUp);
        this.#seen();
        resolve(tasks);
      },
    };
    waiters.add(waiter);
    deadline.set(waitMs);
    signal.addEventListener('abort', giveUp);
    return promise;
  }

  #serve(lane: Lane): void {
    for (const waiter of this.#waiters[lane]) {
      const tasks = this.#take(lane, waiter.maxTasks);
      if (tasks.length === 0) return;
      waiter.answer(tasks);
    }
  }

  #take(lane: Lane, most: number): ReadyTasks[] {
    const { queue, capacity } = this.#options;
    const tasks: ReadyTasks[] = [];
    const room = Math.min(most, capacity[lane] - this.#handOuts.count(lane));
    queue.takeFrom(lane, room, (job: Job, taskIndexes) => {
      this.#handOuts.add(job, taskIndexes);
      tasks.push({ jobId: job.number, resourceGroupId: job.resourceGroupNumber, taskIndexes });
    });
    return tasks;
  }

  #seen(): void {
    if (this.#isClosed) return;
    this.#presence.set(PRESENCE_MS);
    if (this.#isPresent) return;
    this.#isPresent = true;
    this.#options.onPresence(true);
  }

  /** Those who wait are there all the same. */
  #missed(): void {
    if (LANES.some((lane) => this.#waiters[lane].size > 0)) {
      this.#presence.set(PRESENCE_MS);
      return;
    }
    this.#isPresent = false;
    this.#options.onPresence(false);
  }
}

function firstOf<T>(values: ReadonlySet<T>): T | undefined {
  for (const value of values) return value;
  return undefined;
}
