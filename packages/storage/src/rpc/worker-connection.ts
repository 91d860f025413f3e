import { create } from '@bufbuild/protobuf';
import { checkProtocolVersion, invalidArgument } from '@spider/core';
import type { ExecutionManagerId, JobId, SessionId, SpiderError } from '@spider/core';
import {
  checkExchangeRequest,
  ExchangeResponseSchema,
  JobTasksSchema,
  WorkerWelcomeSchema,
} from '@spider/proto';
import type {
  ExchangeRequest,
  ExchangeResponse,
  JobInstances,
  JobTasks,
  TaskReports,
  WorkerHello,
} from '@spider/proto';
import type { Clock, Logger, Peer, RpcStream, RpcStreamCallbacks } from '@spider/runtime';
import type { JobCache } from '../cache/job-cache.ts';
import type { Job } from '../cache/job.ts';
import type { StorageCounters } from '../counters.ts';
import type { EffectRunner } from '../effects/effect-runner.ts';
import type { HeldInstances } from '../effects/held-instances.ts';
import type { Journal } from '../journal/journal.ts';
import type { ExecutionManagerRegistry } from '../liveness/execution-manager-registry.ts';
import type { ExecutionManager } from '../liveness/execution-manager.ts';
import type { OwedReports } from '../liveness/owed-reports.ts';
import type { CancelledEffect, ContextsEffect } from '../machine/job-effect.ts';
import type { WriterRight } from '../lease/writer-lease-keeper.ts';
import type { WorkerLink } from '../ports.ts';
import { TaskLogLink } from '../task-log/task-log-link.ts';
import { FlushMarks } from './flush-marks.ts';
import { SignsOfLife } from './signs-of-life.ts';
import { WorkerOutbox } from './worker-outbox.ts';

export interface WorkerConnectionOptions {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly cache: JobCache;
  readonly runner: EffectRunner;
  readonly journal: Journal;
  readonly registry: ExecutionManagerRegistry;
  readonly owedReports: OwedReports;
  readonly counters: StorageCounters;
  readonly sessionId: SessionId;
  readonly heartbeatIntervalMs: number;
  /** How long nothing may be heard of an execution manager. */
  readonly silenceMs: number;
  /** By default it is always sure. */
  readonly right?: WriterRight | undefined;
}

/** The largest time that a number holds exactly. */
const MAX_TIME_MS = BigInt(Number.MAX_SAFE_INTEGER);

/** The version of the protocol that brought reads of task logs. */
const TASK_LOGS_SINCE = 2;

/** So many messages may wait for an execution manager before nothing more is read from it. */
const UNREAD_MESSAGES_MAX = 64;

/** One Exchange stream: what an execution manager sends, turned into events of its jobs. */
export class WorkerConnection implements RpcStreamCallbacks<ExchangeRequest>, WorkerLink {
  /** Whose pings count, because it means them to. */
  peer: Peer | undefined;
  readonly #options: WorkerConnectionOptions;
  readonly #peer: Peer | undefined;
  readonly #stream: RpcStream<ExchangeResponse>;
  readonly #outbox: WorkerOutbox;
  readonly #marks = new FlushMarks();
  readonly #signsOfLife: SignsOfLife;
  readonly #stopListening: () => void;
  readonly #logs: TaskLogLink;
  #protocolVersion = 0;
  #executionManager: ExecutionManager | undefined;
  #drained: PromiseWithResolvers<void> | undefined;
  #postponed: PromiseWithResolvers<void> | undefined;
  /** Leases that wait until the execution manager has read the contexts of those before them. */
  #leases: JobTasks[] = [];
  /** Whether it asks by pings if we live. */
  #pings = false;
  #lastSequence = 0n;
  /** The last report that was there before this stream. */
  #owedSequence = 0n;

  constructor(
    options: WorkerConnectionOptions,
    stream: RpcStream<ExchangeResponse>,
    peer: Peer | undefined,
  ) {
    this.#options = options;
    this.#peer = peer;
    this.#stream = stream;
    this.#outbox = new WorkerOutbox(options.clock, (response) => stream.send(response));
    this.#signsOfLife = new SignsOfLife(options, () => stream.send(SIGN_OF_LIFE));
    this.#logs = new TaskLogLink((read) =>
      stream.send(create(ExchangeResponseSchema, { logReads: [read] })),
    );
    this.#stopListening = options.journal.onFlush(() => this.#announceFlushed());
  }

  onMessage(request: ExchangeRequest): void {
    // Another storage may be active since this process has stood still.
    this.#options.right?.assertSure();
    this.#check(request);
    if (request.hello !== undefined) this.#open(request.hello);
    const executionManager = this.#executionManager;
    // A stream that another one has replaced has nothing to say.
    if (executionManager?.link !== this) return;
    executionManager.heard(this.#options.clock.monotonicUs());
    if (request.load !== undefined) executionManager.load = request.load;
    for (const piece of request.logPieces) this.#logs.take(piece);
    if (!isHeartbeat(request)) this.#take(executionManager, request);
    else if (!this.#pings) this.#stream.send(SIGN_OF_LIFE);
  }

  get logs(): TaskLogLink | undefined {
    return this.#protocolVersion >= TASK_LOGS_SINCE ? this.#logs : undefined;
  }

  get isHearing(): boolean {
    return this.#postponed === undefined && this.#options.journal.hasRoom;
  }

  /** Reports wait for those that they follow from, and while the journal is full, all else while the execution manager does not read. */
  whenReady(): Promise<void> | undefined {
    const ready = this.#whenReady();
    // Heartbeats are not read meanwhile.
    if (ready !== undefined && !this.#pings) this.#signsOfLife.sendUntil(ready);
    return ready;
  }

  #whenReady(): Promise<void> | undefined {
    const { journal } = this.#options;
    if (this.#postponed !== undefined) return this.#postponed.promise;
    if (this.#leases.length > 0 || this.#stream.pending > UNREAD_MESSAGES_MAX) {
      return this.#whenDrained();
    }
    return journal.hasRoom ? undefined : journal.whenRoom();
  }

  onDrained(): void {
    // It reads: while it has not read enough, its heartbeats wait.
    const executionManager = this.#executionManager;
    if (executionManager?.link === this) executionManager.heard(this.#options.clock.monotonicUs());
    if (this.#leases.length > 0) this.#leaseWaiting();
    if (this.#leases.length === 0) this.#resumeReading();
  }

  onClose(): void {
    this.#signsOfLife.stop();
    this.#leases = [];
    this.#resumeReading();
    this.#goOn();
    this.#stopListening();
    this.#logs.close();
    if (this.#executionManager !== undefined) {
      this.#options.registry.detach(this.#executionManager, this);
    }
  }

  contexts(job: Job, effect: ContextsEffect): void {
    this.#outbox.contexts(job, effect);
  }

  refused(job: Job, taskIndices: number[]): void {
    this.#outbox.refused(job.id, job.resourceGroupId, taskIndices);
  }

  postponed(job: Job, taskIndexes: number[]): void {
    job.waitingLeases.add(() => {
      const { id: jobId, resourceGroupId } = job;
      this.#leases.push(create(JobTasksSchema, { jobId, resourceGroupId, taskIndexes }));
      this.#leaseWaiting();
    });
  }

  cancelled(job: Job, effect: CancelledEffect, positions: readonly number[]): void {
    this.#outbox.cancelled(job, effect, positions);
  }

  drain(): void {
    this.#outbox.drain();
  }

  close(error: SpiderError | undefined): void {
    if (error === undefined) this.#stream.end();
    else this.#stream.cancel(error);
  }

  #whenDrained(): Promise<void> {
    this.#drained ??= Promise.withResolvers<void>();
    return this.#drained.promise;
  }

  #resumeReading(): void {
    this.#drained?.resolve();
    this.#drained = undefined;
  }

  /** All that can be wrong with a message, before anything has changed. */
  #check(request: ExchangeRequest): void {
    checkExchangeRequest(request);
    const { hello, reports, reportSequence } = request;
    if (hello === undefined && this.#executionManager === undefined) {
      throw invalidArgument('hello: is missing in the first message of the stream');
    }
    if (hello !== undefined && this.#executionManager !== undefined) {
      throw invalidArgument('hello: belongs into the first message of the stream, and only there');
    }
    if (reportSequence === 0n && reports.length > 0) {
      throw invalidArgument('report_sequence: is missing beside reports');
    }
    for (const { startedBaseMs } of reports) {
      if (startedBaseMs > MAX_TIME_MS) {
        throw invalidArgument(`started_base_ms: ${startedBaseMs} is no time`);
      }
    }
    if (reportSequence > 0n && reportSequence <= this.#lastSequence) {
      throw invalidArgument(
        `report_sequence: ${reportSequence} does not ascend after ${this.#lastSequence}`,
      );
    }
  }

  #open(hello: WorkerHello): void {
    const { registry, owedReports, sessionId, heartbeatIntervalMs } = this.#options;
    const silenceMs = this.#peer === undefined ? 0 : this.#options.silenceMs;
    const id = hello.executionManagerId as ExecutionManagerId;
    this.#protocolVersion = checkProtocolVersion(hello.protocolVersion, 'storage');
    this.#executionManager = registry.attach(id, this);
    this.#pings = hello.pings;
    if (this.#pings) this.peer = this.#peer;
    this.#owedSequence = hello.lastReportSequence;
    if (this.#owedSequence > 0n) owedReports.owes(this.#executionManager.number);
    else owedReports.settled(this.#executionManager.number);
    this.#stream.send(
      create(ExchangeResponseSchema, {
        welcome: create(WorkerWelcomeSchema, { sessionId, heartbeatIntervalMs, silenceMs }),
      }),
    );
    if (this.#executionManager.drainRequestedAt !== undefined) this.drain();
    this.#reconcile(this.#executionManager, hello.held);
  }

  /** Every job learns what the execution manager holds of it, also when that is nothing. */
  #reconcile(executionManager: ExecutionManager, held: readonly JobInstances[]): void {
    const heldOfJob = new Map<bigint, HeldInstances[]>();
    for (const group of held) {
      const base = Number(group.instanceBase);
      const instances = {
        taskIndices: Uint32Array.from(group.taskIndexes),
        instances: Float64Array.from(group.instanceOffsets, (offset) => base + offset),
        ageMs: group.ageMs,
      };
      const ofJob = heldOfJob.get(group.jobId);
      if (ofJob === undefined) heldOfJob.set(group.jobId, [instances]);
      else ofJob.push(instances);
    }
    for (const job of this.#options.cache.jobs()) {
      this.#options.runner.reconcile(job, executionManager.number, heldOfJob.get(job.id) ?? []);
    }
    for (const group of held) this.#cancelUnknown(group);
  }

  /** Instances of jobs that are no more have nothing to run for. */
  #cancelUnknown(group: JobInstances): void {
    if (this.#options.cache.find(group.jobId as JobId) === undefined) {
      this.#outbox.cancelledOf(group);
    }
  }

  /**
   * Takes what a message brings. One with a report whose task waits for reports of others, which had
   * reached the storage before this one and are sent once more, waits for them, and with it the stream.
   * They cannot wait for this one in turn: what follows from a report was reported later.
   */
  #take(executionManager: ExecutionManager, request: ExchangeRequest): void {
    const job = this.#jobToWaitFor(request);
    if (job !== undefined) {
      this.#postponed ??= Promise.withResolvers<void>();
      this.#options.owedReports.waits(executionManager.number, true);
      job.waitingReports.add(() => {
        // Unless the stream has ended meanwhile: it will all be sent once more.
        if (executionManager.link === this) this.#take(executionManager, request);
        else this.#goOn();
      });
      return;
    }
    this.#goOn();
    if (request.reportSequence > 0n) this.#takeReports(executionManager, request);
    this.#leases.push(...request.leases);
    if (request.leases.length > 0) this.#leaseWaiting();
  }

  #goOn(): void {
    if (this.#postponed === undefined) return;
    this.#postponed.resolve();
    this.#postponed = undefined;
    if (this.#executionManager?.link !== this) return;
    this.#options.owedReports.waits(this.#executionManager.number, false);
  }

  #jobToWaitFor({ reports }: ExchangeRequest): Job | undefined {
    for (const { instances } of reports) {
      const job = instances && this.#options.cache.find(instances.jobId as JobId);
      if (job === undefined || job.isBroken || !job.machine.hasClaims) continue;
      const { taskIndexes, instanceOffsets } = instances as JobInstances;
      const base = Number(instances?.instanceBase);
      for (let at = 0; at < taskIndexes.length; at++) {
        const instance = base + (instanceOffsets[at] ?? 0);
        if (job.machine.mustWait(taskIndexes[at] ?? 0, instance)) return job;
      }
    }
    return undefined;
  }

  /** Issues instances for as long as the execution manager reads what it takes to run them. */
  #leaseWaiting(): void {
    const executionManager = this.#executionManager;
    let first = 0;
    while (first < this.#leases.length && this.#stream.pending <= UNREAD_MESSAGES_MAX) {
      const tasks = this.#leases[first] as JobTasks;
      // What another stream has replaced asks once more.
      const left = executionManager?.link === this ? this.#lease(executionManager, tasks) : 0;
      if (left === 0) first += 1;
      else tasks.taskIndexes = tasks.taskIndexes.slice(-left);
    }
    this.#leases = this.#leases.slice(first);
  }

  /** Answers how many of the tasks, at their end, are to be asked for anew. */
  #lease(executionManager: ExecutionManager, tasks: JobTasks): number {
    const job = this.#options.cache.find(tasks.jobId as JobId);
    if (job !== undefined && !job.isBroken) {
      return this.#options.runner.lease(job, executionManager.number, tasks.taskIndexes);
    }
    this.#outbox.refused(tasks.jobId, tasks.resourceGroupId, tasks.taskIndexes);
    return 0;
  }

  #takeReports(executionManager: ExecutionManager, request: ExchangeRequest): void {
    const { reports, reportSequence } = request;
    this.#lastSequence = reportSequence;
    for (const report of reports) this.#report(executionManager, report);
    if (reportSequence >= this.#owedSequence) {
      this.#options.owedReports.settled(executionManager.number);
    }
    // What this message brought is among the appends so far; what it repeated is so, too.
    this.#marks.add(this.#options.journal.appended, reportSequence);
    this.#announceFlushed();
  }

  #report(executionManager: ExecutionManager, report: TaskReports): void {
    const { cache, runner, clock } = this.#options;
    const { instances } = report;
    if (instances === undefined) return;
    const job = cache.find(instances.jobId as JobId);
    if (job === undefined) {
      this.#options.counters.staleReports += instances.taskIndexes.length;
      return;
    }
    runner.handle(job, {
      type: 'report',
      at: clock.now(),
      executionManager: executionManager.number,
      taskIndices: instances.taskIndexes,
      instanceBase: Number(instances.instanceBase),
      instanceOffsets: instances.instanceOffsets,
      outcomes: report.outcomes,
      payloadLengths: report.payloadLengths,
      payloads: report.payloads,
      startedBaseMs: Number(report.startedBaseMs),
      startedOffsetsMs: report.startedOffsetsMs,
      elapsedUs: report.elapsedUs,
    });
  }

  #announceFlushed(): void {
    const sequence = this.#marks.take(this.#options.journal.flushed);
    if (sequence !== undefined) this.#outbox.flushedUpTo(sequence);
  }
}

/** Whoever sends nothing else wants to hear that we live, unless it asks by pings. */
const isHeartbeat = ({ hello, leases, reportSequence, logPieces }: ExchangeRequest): boolean =>
  hello === undefined && leases.length === 0 && reportSequence === 0n && logPieces.length === 0;

const SIGN_OF_LIFE = create(ExchangeResponseSchema);
