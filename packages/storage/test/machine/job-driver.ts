import {
  encodeFrame,
  type JobState,
  TaskOutcome,
  timestampMs,
  type TaskGraph,
  type TimestampMs,
} from '@spider/core';
import type { JobEffect } from '../../src/machine/job-effect.ts';
import type { JobEvent, ReportEvent } from '../../src/machine/job-event.ts';
import { JobMachine, type JobMachineOptions } from '../../src/machine/job-machine.ts';

/** How one attempt ended, in a test. */
export interface TestReport {
  readonly task: number;
  readonly instance: number;
  readonly outcome?: TaskOutcome;
  /** Outputs of a success; by default one payload with the task's index. */
  readonly outputs?: readonly Uint8Array[];
  /** Of a failure. */
  readonly message?: string;
  /** The payload as it is, whatever the outcome. */
  readonly payload?: Uint8Array;
}

export interface TestInstance {
  readonly task: number;
  readonly instance: number;
  readonly inputs: Uint8Array;
}

/** Effects of one type. */
export type EffectOf<Type extends JobEffect['type']> = Extract<JobEffect, { type: Type }>;

const NOW = timestampMs(1_000);

/**
 * Drives a job machine through a test. Every event goes through `handle`, after which the machine has
 * to be in order; `effects` has what the last event led to.
 */
export class JobDriver {
  readonly machine: JobMachine;
  effects: JobEffect[] = [];
  verdicts: Uint8Array = new Uint8Array(0);
  #nextInstance = 1;
  #nextRequest = 1;

  constructor(graph: TaskGraph, options: Partial<JobMachineOptions> = {}) {
    this.machine = new JobMachine({ name: 'job 7', graph, inputs: encodeFrame([]), ...options });
    this.machine.validateState();
  }

  /** A job that has been started. */
  static running(graph: TaskGraph, options: Partial<JobMachineOptions> = {}): JobDriver {
    const job = new JobDriver(graph, options);
    job.start();
    job.persisted();
    return job;
  }

  get state(): JobState {
    return this.machine.state;
  }

  handle(event: JobEvent): JobEffect[] {
    this.effects = this.machine.handle(event);
    this.machine.validateState();
    return this.effects;
  }

  effect<Type extends JobEffect['type']>(type: Type): EffectOf<Type> | undefined {
    return this.effects.find((effect): effect is EffectOf<Type> => effect.type === type);
  }

  /** The types of the last event's effects, in order. */
  get effectTypes(): string[] {
    return this.effects.map((effect) => effect.type);
  }

  start(at: TimestampMs = NOW): number {
    return this.#request('start', at);
  }

  cancel(at: TimestampMs = NOW): number {
    return this.#request('cancel', at);
  }

  /** A cancel that wants no cleanup, or no more of it. */
  cancelWithoutCleanup(reason?: string): number {
    const request = this.#nextRequest++;
    this.handle({ type: 'cancel', request, at: NOW, reason, skipCleanup: true });
    return request;
  }

  /** The pending state change becomes durable. */
  persisted(): void {
    const to = this.machine.pendingState;
    if (to === undefined) throw new Error('nothing is being persisted');
    this.handle({ type: 'persisted', to });
  }

  persistFailed(message = 'disk full'): void {
    const to = this.machine.pendingState;
    if (to === undefined) throw new Error('nothing is being persisted');
    this.handle({ type: 'persist-failed', to, message, at: NOW });
  }

  takeReady(limit = 1_000): number[] {
    const tasks: number[] = [];
    this.machine.takeReady(limit, tasks);
    this.machine.validateState();
    return tasks;
  }

  /** Leases tasks, and answers the instances that were granted. */
  lease(tasks: readonly number[], executionManager = 1): TestInstance[] {
    const firstInstance = this.#nextInstance;
    this.handle({ type: 'lease', executionManager, taskIndices: tasks, firstInstance });
    const contexts = this.effect('contexts');
    if (contexts === undefined) return [];
    this.#nextInstance += contexts.taskIndices.length;
    let start = 0;
    return contexts.taskIndices.map((task, i) => {
      const end = start + (contexts.inputLengths[i] ?? 0);
      const inputs = contexts.inputs.subarray(start, end);
      start = end;
      return { task, instance: contexts.firstInstance + i, inputs };
    });
  }

  /** Leases one task, which must be granted. */
  leaseOne(task: number, executionManager = 1): TestInstance {
    const [instance] = this.lease([task], executionManager);
    if (instance === undefined) throw new Error(`the lease of task ${task} was refused`);
    return instance;
  }

  /** Reports attempts in one batch. Answers the verdicts. */
  report(reports: readonly TestReport[], executionManager = 1): number[] {
    const verdicts = new Uint8Array(reports.length);
    this.handle({ ...reportEvent(reports, executionManager), verdicts });
    return [...verdicts];
  }

  succeed(instance: TestInstance, executionManager = 1): number | undefined {
    return this.report([{ task: instance.task, instance: instance.instance }], executionManager)[0];
  }

  fail(instance: TestInstance, message = 'boom', executionManager = 1): number | undefined {
    const { task, instance: number } = instance;
    const report = { task, instance: number, outcome: TaskOutcome.Failed, message };
    return this.report([report], executionManager)[0];
  }

  /** Leases and succeeds whatever is ready, until nothing is. */
  runAll(): void {
    for (let tasks = this.takeReady(); tasks.length > 0; tasks = this.takeReady()) {
      this.report(this.lease(tasks));
    }
  }

  #request(type: 'start' | 'cancel', at: TimestampMs): number {
    const request = this.#nextRequest;
    this.#nextRequest += 1;
    this.handle({ type, request, at });
    return request;
  }
}

export function reportEvent(reports: readonly TestReport[], executionManager: number): ReportEvent {
  const parts = reports.map(payloadOf);
  const payloads = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    payloads.set(part, at);
    at += part.length;
  }
  return {
    type: 'report',
    at: NOW,
    executionManager,
    taskIndices: reports.map((report) => report.task),
    instanceBase: 0,
    instanceOffsets: reports.map((report) => report.instance),
    outcomes: reports.map((report) => report.outcome ?? TaskOutcome.Succeeded),
    payloadLengths: parts.map((part) => part.length),
    payloads,
    startedBaseMs: NOW,
    startedOffsetsMs: reports.map((_, i) => i),
    elapsedUs: reports.map((_, i) => 10 + i),
  };
}

function payloadOf({ task, outcome, outputs, message, payload }: TestReport): Uint8Array {
  if (payload !== undefined) return payload;
  if (outcome === undefined || outcome === TaskOutcome.Succeeded) {
    return encodeFrame(outputs ?? [Uint8Array.of(task)]);
  }
  return new TextEncoder().encode(message ?? '');
}
