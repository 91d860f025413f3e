import { deepStrictEqual } from 'node:assert/strict';
import {
  encodeFrame,
  JobState,
  jobStateName,
  TaskOutcome,
  TaskState,
  timestampMs,
  type TaskGraph,
} from '@spider/core';
import { encodeJournalRecords, JournalDecoder } from '../../src/journal/journal-record.ts';
import type {
  CancelledEffect,
  ContextsEffect,
  JobEffect,
  JournalEffect,
  RecallEffect,
} from '../../src/machine/job-effect.ts';
import { ReportVerdict, type JobEvent } from '../../src/machine/job-event.ts';
import { JobMachine } from '../../src/machine/job-machine.ts';
import { reportEvent } from './job-driver.ts';
import {
  JobModel,
  type FailureRules,
  type ModelAttempt,
  type ModelRequest,
  type ModelTask,
} from './job-model.ts';

/** An instance that was granted at some time, and to whom. */
export interface Issued {
  readonly task: number;
  readonly instance: number;
  readonly executionManager: number;
}

const AT = timestampMs(1);

/**
 * A job twice, as machine and as model. Each step is taken by both, which have to say the same and to
 * be in the same state afterwards.
 */
export class JobPair {
  readonly #graph: TaskGraph;
  readonly #jobInputs: readonly Uint8Array[];
  readonly #policy: FailureRules;
  model: JobModel;
  machine: JobMachine;
  readonly issued: Issued[] = [];
  /** How often something was read back from the journal. */
  recalls = 0;
  /** What is in the database: blocks of the journal, and the outputs of a job that commits. */
  #blocks: { bytes: Uint8Array; count: number }[] = [];
  #storedOutputs: Uint8Array | undefined;
  /** Blocks that the machine has replayed, and after them those that it knows to be durable. */
  #replayedBlocks = 0;
  #durableBlocks = 0;
  #hasSpilled = false;
  #nextInstance = 1;
  #nextRequest = 1;

  constructor(graph: TaskGraph, jobInputs: readonly Uint8Array[], policy: FailureRules) {
    this.#policy = policy;
    this.#graph = graph;
    this.#jobInputs = jobInputs;
    this.model = new JobModel(graph, jobInputs, policy, JobState.Ready);
    this.machine = this.#newMachine(JobState.Ready);
  }

  request(type: ModelRequest['type'], reason?: string, skipCleanup?: boolean): void {
    const request = this.#nextRequest++;
    const event: JobEvent =
      type === 'fail'
        ? { type, message: 'enough', at: AT }
        : type === 'deadline'
          ? { type, message: 'late', at: AT }
          : type === 'cancel'
            ? { type, request, at: AT, reason, skipCleanup }
            : { type, request, at: AT };
    this.#step(event, () => this.model.request({ type, request, reason, skipCleanup }));
  }

  cleanupOverdue(): void {
    this.#step({ type: 'cleanup-overdue', message: 'nobody', at: AT }, () =>
      this.model.cleanupOverdue(),
    );
  }

  settle(isDurable: boolean): void {
    const to = this.machine.pendingState;
    if (to === undefined) return;
    if (isDurable) this.#step({ type: 'persisted', to }, () => this.model.persisted());
    else {
      const event: JobEvent = { type: 'persist-failed', to, message: 'no', at: AT };
      this.#step(event, () => this.model.persistFailed());
    }
  }

  takeReady(limit: number): void {
    const taken: number[] = [];
    deepStrictEqual(this.machine.takeReady(limit, taken), taken.length);
    deepStrictEqual(taken, this.model.takeReady(limit));
    this.#compare();
  }

  /** Where leases may have to wait they come one by one, so that they are granted in their order. */
  lease(taskIndices: readonly number[], executionManager: number): void {
    if (!this.#hasSpilled) this.#lease(taskIndices, executionManager);
    else for (const taskIndex of taskIndices) this.#lease([taskIndex], executionManager);
  }

  #lease(taskIndices: readonly number[], executionManager: number): void {
    const firstInstance = this.#nextInstance;
    const event: JobEvent = { type: 'lease', executionManager, taskIndices, firstInstance };
    const effects = this.#step(event, () =>
      this.model.lease(taskIndices, executionManager, firstInstance),
    );
    const contexts = effects.find((effect) => effect.type === 'contexts');
    contexts?.taskIndices.forEach((task) => {
      this.issued.push({ task, instance: this.#nextInstance++, executionManager });
    });
  }

  report(attempts: readonly ModelAttempt[], executionManager: number): void {
    const verdicts = new Uint8Array(attempts.length);
    const reports = attempts.map((attempt) => ({
      ...attempt,
      ...(attempt.outcome !== TaskOutcome.Succeeded && { message: 'boom' }),
    }));
    const expected: string[] = [];
    this.#step({ ...reportEvent(reports, executionManager), verdicts }, () =>
      attempts.forEach((attempt, position) => {
        expected.push(this.model.report(attempt, executionManager, position));
      }),
    );
    deepStrictEqual(
      [...verdicts].map((verdict) => VERDICT_NAMES[verdict]),
      expected,
    );
  }

  softTimeout({ task, instance }: Issued): void {
    this.#step({ type: 'soft-timeout', taskIndices: [task], instances: [instance] }, () =>
      this.model.softTimeout(task, instance),
    );
  }

  handOutsLost(): void {
    this.#step({ type: 'hand-outs-lost', taskIndices: undefined }, () => this.model.handOutsLost());
  }

  loseExecutionManager(executionManager: number): void {
    this.#step({ type: 'execution-manager-lost', executionManager }, () =>
      this.model.reconcile(executionManager, [], true),
    );
  }

  reconcile(executionManager: number, held: readonly Issued[]): void {
    const event: JobEvent = {
      type: 'reconcile',
      executionManager,
      taskIndices: held.map((one) => one.task),
      instances: held.map((one) => one.instance),
    };
    this.#step(event, () => this.model.reconcile(executionManager, held));
  }

  claimsOver(): void {
    this.#step({ type: 'claims-over' }, () => this.model.claimsOver());
  }

  /** So many more blocks of the journal are durable; each is a row. */
  journaled(count: number): void {
    this.#durableBlocks = Math.min(this.#durableBlocks + count, this.#blocks.length);
    const effects = this.#durableBlocks - this.#replayedBlocks;
    this.#step({ type: 'journaled', effects, row: this.#durableBlocks }, () => undefined);
  }

  /** What is durable leaves memory, chunk by chunk. */
  spill(times: number): void {
    this.#hasSpilled = true;
    for (let i = 0; i < times; i++) this.#step({ type: 'spill', bytes: 1 }, () => undefined);
  }

  /** Storage starts anew and finds the first `blockCount` blocks of the journal. */
  readBack(blockCount: number): void {
    const { state } = this.machine;
    const final: JobState[] = [JobState.Succeeded, JobState.Failed, JobState.Cancelled];
    if (final.includes(state)) return;
    this.#blocks = this.#blocks.slice(0, blockCount);
    this.model = this.model.readBack(this.#blocks.reduce((sum, block) => sum + block.count, 0));
    this.machine = this.#newMachine(state, this.model.failsAfterCleanup ? 'no' : undefined);
    this.#replayedBlocks = this.#blocks.length;
    this.#durableBlocks = this.#blocks.length;
    this.#hasSpilled = true;
    const decoder = new JournalDecoder();
    const effects: JobEffect[] = [];
    this.#blocks.forEach(({ bytes }, block) => {
      for (const attempts of decoder.push(bytes)) {
        this.machine.handle({ ...attempts, type: 'replay', at: AT }, effects);
      }
      this.machine.handle({ type: 'journaled', effects: 0, row: block + 1 }, effects);
      if (block % 3 === 2) this.machine.handle({ type: 'spill', bytes: 1 }, effects);
    });
    decoder.end();
    for (const effect of effects) if (effect.type === 'recall') this.#recall(effect, effects);
    deepStrictEqual(effects.flatMap(said).toSorted(), this.model.said.splice(0).toSorted());
    this.#compare();
  }

  #newMachine(state: JobState, failure?: string): JobMachine {
    return new JobMachine({
      name: 'job 7',
      graph: this.#graph,
      inputs: encodeFrame(this.#jobInputs),
      state,
      policy: this.#policy,
      ...(failure !== undefined && { failure }),
      ...(this.#storedOutputs !== undefined && { outputs: this.#storedOutputs }),
    });
  }

  #step(event: JobEvent, stepModel: () => void): JobEffect[] {
    const hadReady = this.model.readyCount > 0;
    const effects = this.machine.handle(event);
    for (const effect of effects) if (effect.type === 'recall') this.#recall(effect, effects);
    if (effects.some((effect) => effect.type === 'postponed')) this.machine.handle(event, effects);
    stepModel();
    if (!hadReady && this.model.readyCount > 0) this.model.said.push('ready');
    deepStrictEqual(effects.flatMap(said).toSorted(), this.model.said.splice(0).toSorted());
    for (const effect of effects) {
      if (effect.type === 'published' && effect.outputs) this.#storedOutputs = effect.outputs;
      if (effect.type !== 'journal') continue;
      const bytes = encodeJournalRecords(effect);
      this.#blocks.push({ bytes, count: effect.positions.length });
    }
    this.#compare();
    return effects;
  }

  /** Reads back what was asked for, whereupon more may be asked for. */
  #recall({ recall, ranges }: RecallEffect, effects: JobEffect[]): void {
    this.recalls += 1;
    for (const { after, last } of ranges) {
      const decoder = new JournalDecoder();
      for (const { bytes } of this.#blocks.slice(after, last)) {
        for (const attempts of decoder.push(bytes)) {
          this.machine.handle({ ...attempts, type: 'recalled', recall }, effects);
        }
      }
    }
    this.machine.handle({ type: 'recall-ended', recall, at: AT }, effects);
  }

  #compare(): void {
    const { machine, model } = this;
    machine.validateState();
    const states = [...model.tasks.values()].map((task) => [task.index, STATES[task.state]]);
    deepStrictEqual(
      states.map(([index]) => [index, machine.taskState(index ?? 0)]),
      states,
    );
    deepStrictEqual(
      {
        state: machine.state,
        pending: machine.pendingState,
        isAside: machine.quarantine !== undefined,
        ready: machine.readyCount,
        live: machine.liveInstanceCount,
        failed: machine.progress().failedAttempts,
      },
      {
        state: model.state,
        pending: model.pending?.to,
        isAside: model.isAside,
        ready: model.readyCount,
        live: [...model.tasks.values()].reduce((sum, task) => sum + task.live.size, 0),
        failed: model.failedAttempts,
      },
    );
  }
}

const STATES: Record<ModelTask['state'], TaskState> = {
  pending: TaskState.Pending,
  ready: TaskState.Ready,
  running: TaskState.Running,
  succeeded: TaskState.Succeeded,
  failed: TaskState.Failed,
  cancelled: TaskState.Cancelled,
  skipped: TaskState.Skipped,
};

const VERDICT_NAMES: Record<number, string> = {
  [ReportVerdict.Accepted]: 'accepted',
  [ReportVerdict.Duplicate]: 'duplicate',
  [ReportVerdict.Stale]: 'stale',
  [ReportVerdict.Malformed]: 'malformed',
};

/** An effect in the words of the model. */
function said(effect: JobEffect): string[] {
  switch (effect.type) {
    case 'persist': {
      const line = `persist ${jobStateName(effect.from)} ${jobStateName(effect.to)}`;
      const lines = [effect.message === undefined ? line : `${line} with a message`];
      if (effect.outputs !== undefined) lines.push(`outputs ${effect.outputs.join()}`);
      if (effect.endReason !== undefined) lines.push(`end reason ${effect.endReason}`);
      return lines;
    }
    case 'published':
      return [`published ${jobStateName(effect.from)} ${jobStateName(effect.to)}`];
    case 'answered':
      return [`answered ${effect.request} ${jobStateName(effect.state)}`];
    case 'rejected':
      return [`rejected ${effect.request}`];
    case 'contexts':
      return granted(effect);
    case 'refused':
      return effect.taskIndices.map((index) => `refused ${index}`);
    case 'journal':
      return journaled(effect);
    case 'cancelled':
      return cancelled(effect);
    case 'ready':
    case 'quarantined':
      return [effect.type];
    case 'postponed':
    case 'recall':
    case 'retry-later':
      // The pair sees to it that nobody has to wait.
      return [];
    default:
      effect satisfies never;
      return [];
  }
}

function journaled({ positions, malformed }: JournalEffect): string[] {
  return positions.map((position) =>
    malformed.has(position) ? `journal ${position} malformed` : `journal ${position}`,
  );
}

function cancelled({ executionManagers, taskIndices, instances }: CancelledEffect): string[] {
  return instances.map(
    (instance, i) => `cancelled ${executionManagers[i]} ${taskIndices[i]} ${instance}`,
  );
}

function granted(effect: ContextsEffect): string[] {
  let start = 0;
  return effect.taskIndices.map((index, i) => {
    const end = start + (effect.inputLengths[i] ?? 0);
    const inputs = effect.inputs.subarray(start, end);
    start = end;
    return `granted ${index} ${effect.firstInstance + i} ${inputs.join()}`;
  });
}

/** A chunk of memory has 4 KiB at first. */
const SIZES = [1, 40, 2, 1_500];

/** What an instance of a task returns: different bytes for each, of different lengths. */
export function outputsOf({ task, instance }: Issued, count: number): Uint8Array[] {
  return Array.from({ length: count }, (_, position) =>
    new Uint8Array(SIZES[(task + position + instance) % SIZES.length] ?? 0).fill(
      task * 16 + instance,
    ),
  );
}
