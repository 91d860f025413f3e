import { failedPrecondition, jobStateName, SpiderError, taskStateName } from '@spider/core';
import type { ExecutionManagerId, JobId, TaskIndex, TaskOutcome } from '@spider/core';
import type { Clock } from '@spider/runtime';
import type { Job } from '../../cache/job.ts';
import type { JobCache } from '../../cache/job-cache.ts';
import type { EffectRunner } from '../../effects/effect-runner.ts';
import type { Journal } from '../../journal/journal.ts';
import type { ExecutionManagerRegistry } from '../../liveness/execution-manager-registry.ts';
import type { UnaryLink } from '../../liveness/unary-link.ts';
import type { ContextsEffect } from '../../machine/job-effect.ts';
import { ReportVerdict } from '../../machine/job-event.ts';
import type { ReportEvent } from '../../machine/job-event.ts';
import { describeTask } from '../../describe-task.ts';

export interface UnaryTasksOptions {
  readonly clock: Clock;
  readonly cache: JobCache;
  readonly runner: EffectRunner;
  readonly journal: Journal;
  readonly registry: ExecutionManagerRegistry;
}

/** A task and who has to do with it; none of them needs to exist. */
export interface UnaryTask {
  readonly jobId: JobId;
  readonly taskIndex: TaskIndex;
  readonly executionManagerId: ExecutionManagerId;
}

/** How an instance of a task ended. */
export interface UnaryReport extends UnaryTask {
  readonly instance: bigint;
  readonly outcome: TaskOutcome;
  /** Outputs, or the text of an error. */
  readonly payload: Uint8Array;
}

const ELAPSED_US_MAX = 0xffff_ffff;

/** Leases and reports of one task at a time, by execution managers without streams. */
export class UnaryTasks {
  readonly #options: UnaryTasksOptions;

  constructor(options: UnaryTasksOptions) {
    this.#options = options;
  }

  /**
   * Issues an instance of a task. Waits for inputs that have to be read back first.
   *
   * @throws SpiderError 'failed-precondition' beginning with `cache stale` if none may start.
   */
  async lease(task: UnaryTask): Promise<ContextsEffect> {
    const answer = Promise.withResolvers<ContextsEffect>();
    this.#leaseOrWait(task, answer);
    return await answer.promise;
  }

  /** What was read back has to be taken the moment it is there. */
  #leaseOrWait(task: UnaryTask, answer: PromiseWithResolvers<ContextsEffect>): void {
    try {
      const contexts = this.#lease(task, () => this.#leaseOrWait(task, answer));
      if (contexts !== undefined) answer.resolve(contexts);
    } catch (error) {
      answer.reject(error);
    }
  }

  /** Answers undefined if it has to wait; `askAnew` is called then. */
  #lease(
    { jobId, taskIndex, executionManagerId }: UnaryTask,
    askAnew: () => void,
  ): ContextsEffect | undefined {
    const { cache, registry, runner, clock } = this.#options;
    const job = cache.find(jobId);
    if (job === undefined || job.isBroken) throw stale(`job ${jobId} is not under way`);
    const executionManager = registry.find(executionManagerId);
    if (executionManager?.unary === undefined) {
      throw stale(`execution manager ${executionManagerId} is not alive, or has a stream for this`);
    }
    const { unary, number } = executionManager;
    try {
      runner.lease(job, number, [taskIndex]);
    } catch (error) {
      // Any other code would end the execution manager.
      throw error instanceof SpiderError ? stale(error.message) : error;
    }
    const contexts = unary.takeContexts();
    if (unary.takePostponed()) {
      job.waitingLeases.add(askAnew);
      return undefined;
    }
    if (contexts === undefined) throw stale(describeRefusal(job, taskIndex));
    unary.issued(contexts.firstInstance, clock.now());
    return contexts;
  }

  /**
   * Takes a report. It is durable when this resolves, if it counts: it will not be sent again.
   *
   * @returns what it was good for.
   */
  async report(report: UnaryReport): Promise<ReportVerdict> {
    const { cache, runner, journal, registry } = this.#options;
    const unary = registry.find(report.executionManagerId)?.unary;
    const verdicts = new Uint8Array(1);
    if (!journal.hasRoom) await journal.whenRoom();
    const event = this.#toEvent(report, unary, verdicts);
    const job = cache.find(report.jobId);
    if (job !== undefined) runner.handle(job, event);
    switch (verdicts[0]) {
      case ReportVerdict.Accepted:
      case ReportVerdict.Malformed:
        // Nothing was written of a job without a journal.
        if (job !== undefined && runner.durabilityOf(job) !== 'job') {
          await this.#flushed(journal.appended);
        }
        return verdicts[0];
      case ReportVerdict.Duplicate:
        return verdicts[0];
      default:
        return ReportVerdict.Stale;
    }
  }

  #toEvent(report: UnaryReport, unary: UnaryLink | undefined, verdicts: Uint8Array): ReportEvent {
    const instance = Number(report.instance);
    const at = this.#options.clock.now();
    const startedAt = unary?.takeIssued(instance) ?? at;
    return {
      type: 'report',
      at,
      executionManager: Number(report.executionManagerId),
      taskIndices: [report.taskIndex],
      instanceBase: instance,
      instanceOffsets: [0],
      outcomes: [report.outcome],
      payloadLengths: [report.payload.length],
      payloads: report.payload,
      startedBaseMs: startedAt,
      startedOffsetsMs: [0],
      elapsedUs: [Math.min(Math.max(0, at - startedAt) * 1000, ELAPSED_US_MAX)],
      verdicts,
    };
  }

  async #flushed(ticket: number): Promise<void> {
    const { journal } = this.#options;
    await journal.whenFlushed(ticket);
    if (journal.flushed < ticket) throw new SpiderError('unavailable', 'storage is stopping');
  }
}

/** What the reference's execution managers drop, and go on. */
export const stale = (message: string): SpiderError =>
  failedPrecondition(`cache stale: ${message}`);

function describeRefusal({ id, machine }: Job, taskIndex: TaskIndex): string {
  const state = machine.taskState(taskIndex);
  const task = describeTask(taskIndex);
  if (state === undefined) return `job ${id} has no such task as ${task}`;
  const states = `job ${id} is ${jobStateName(machine.state)} and ${task} ${taskStateName(state)}`;
  return `${states}; no instance may start now`;
}
