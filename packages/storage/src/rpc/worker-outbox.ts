import { create } from '@bufbuild/protobuf';
import { LIMITS } from '@spider/core';
import type { TerminationTask } from '@spider/core';
import {
  ExchangeResponseSchema,
  JobInstancesSchema,
  JobTasksSchema,
  TaskContextsSchema,
  TaskKindSchema,
} from '@spider/proto';
import type { ExchangeResponse, JobInstances, TaskContexts, TaskKind } from '@spider/proto';
import type { Clock } from '@spider/runtime';
import type { Job } from '../cache/job.ts';
import type { CancelledEffect, ContextsEffect } from '../machine/job-effect.ts';

const INSTANCE_OFFSET_MAX = 0xffff_ffff;

/**
 * Gathers what an execution manager is to be told in this turn of the event loop, and sends it in as
 * few messages as their bounds allow.
 */
export class WorkerOutbox {
  readonly #clock: Clock;
  readonly #send: (response: ExchangeResponse) => void;
  #response = create(ExchangeResponseSchema);
  #tasks = 0;
  #inputBytes = 0;
  #isEmpty = true;
  #isDue = false;

  constructor(clock: Clock, send: (response: ExchangeResponse) => void) {
    this.#clock = clock;
    this.#send = send;
  }

  contexts(job: Job, effect: ContextsEffect): void {
    if (this.#inputBytes + effect.inputs.length > LIMITS.batchBytes) this.#flush();
    this.#reserve(effect.taskIndices.length);
    this.#response.contexts.push(toTaskContexts(job, effect));
    this.#inputBytes += effect.inputs.length;
    if (this.#inputBytes >= LIMITS.batchBytes) this.#flush();
  }

  /** The job may not exist. */
  refused(jobId: bigint, resourceGroupId: bigint, taskIndexes: number[]): void {
    this.#reserve(taskIndexes.length);
    const tasks = create(JobTasksSchema);
    tasks.jobId = jobId;
    tasks.resourceGroupId = resourceGroupId;
    tasks.taskIndexes = taskIndexes;
    this.#response.refused.push(tasks);
  }

  cancelled(job: Job, effect: CancelledEffect, positions: readonly number[]): void {
    let instances: JobInstances | undefined;
    let base = 0;
    for (const position of positions) {
      const instance = effect.instances[position] ?? 0;
      const offset = instance - base;
      if (instances === undefined || offset < 0 || offset > INSTANCE_OFFSET_MAX) {
        this.#reserve(0);
        instances = create(JobInstancesSchema);
        instances.jobId = job.id;
        instances.instanceBase = BigInt(instance);
        base = instance;
        this.#response.cancelled.push(instances);
      }
      instances.taskIndexes.push(effect.taskIndices[position] ?? 0);
      instances.instanceOffsets.push(instance - base);
      this.#tasks += 1;
      if (this.#tasks >= LIMITS.tasksPerMessage) {
        this.#flush();
        instances = undefined;
      }
    }
  }

  /** As `cancelled`, for instances of a job that does not exist. */
  cancelledOf(group: JobInstances): void {
    const count = group.taskIndexes.length;
    for (let start = 0; start < count; start += LIMITS.tasksPerMessage) {
      const end = Math.min(start + LIMITS.tasksPerMessage, count);
      this.#reserve(end - start);
      const instances = create(JobInstancesSchema);
      instances.jobId = group.jobId;
      instances.instanceBase = group.instanceBase;
      instances.taskIndexes = group.taskIndexes.slice(start, end);
      instances.instanceOffsets = group.instanceOffsets.slice(start, end);
      this.#response.cancelled.push(instances);
    }
  }

  drain(): void {
    this.#reserve(0);
    this.#response.drain = true;
  }

  flushedUpTo(reportSequence: bigint): void {
    this.#reserve(0);
    this.#response.flushedReportSequence = reportSequence;
  }

  /** Sends what is there at once. */
  #flush(): void {
    if (this.#isEmpty) return;
    const response = this.#response;
    this.#response = create(ExchangeResponseSchema);
    this.#tasks = 0;
    this.#inputBytes = 0;
    this.#isEmpty = true;
    this.#send(response);
  }

  /** Makes room for so many tasks, and sees to it that they are sent. */
  #reserve(tasks: number): void {
    if (this.#tasks + tasks > LIMITS.tasksPerMessage) this.#flush();
    this.#tasks += tasks;
    this.#isEmpty = false;
    if (this.#isDue) return;
    this.#isDue = true;
    this.#clock.defer(() => {
      this.#isDue = false;
      this.#flush();
    });
  }
}

function toTaskContexts(job: Job, effect: ContextsEffect): TaskContexts {
  const instances = create(JobInstancesSchema);
  instances.jobId = job.id;
  instances.instanceBase = BigInt(effect.firstInstance);
  instances.taskIndexes = effect.taskIndices;
  instances.instanceOffsets = ascending(effect.taskIndices.length);
  const contexts = create(TaskContextsSchema);
  contexts.instances = instances;
  contexts.resourceGroupId = job.resourceGroupId;
  contexts.kinds = effect.kinds.map(toWireKind);
  contexts.kindPositions = effect.kindPositions;
  contexts.inputLengths = effect.inputLengths;
  contexts.inputs = effect.inputs;
  return contexts;
}

/** 0, 1, 2 … */
function ascending(count: number): number[] {
  const numbers: number[] = [];
  for (let number = 0; number < count; number++) numbers.push(number);
  return numbers;
}

const wireKinds = new WeakMap<TerminationTask, TaskKind>();

function toWireKind(kind: TerminationTask): TaskKind {
  let wireKind = wireKinds.get(kind);
  if (wireKind === undefined) {
    wireKind = create(TaskKindSchema, {
      package: kind.packageName,
      function: kind.functionName,
      softTimeoutMs: kind.policy.softTimeoutMs,
      hardTimeoutMs: kind.policy.hardTimeoutMs,
    });
    wireKinds.set(kind, wireKind);
  }
  return wireKind;
}
