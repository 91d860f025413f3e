import { isMessage } from '@bufbuild/protobuf';
import { TaskOutcome, toId } from '@spider/core';
import type { JobId } from '@spider/core';
import { ExchangeRequestSchema, SubmitJobRequestSchema } from '@spider/proto';
import type { ExchangeResponse } from '@spider/proto';
import { SeededRng } from '@spider/runtime';
import { nodeZstd } from '@spider/runtime/node';
import { JournalDecoder, openMemoryDatabase } from '@spider/storage/testing';
import type { StorageUsage } from '@spider/storage';
import type { MemoryDatabase } from '@spider/storage/testing';

import { BoundsWatch } from './bounds-watch.ts';
import { CHECKERS } from './checkers/checkers.ts';
import { Draw } from './draw.ts';
import { FaultPlan } from './fault-plan.ts';
import { LifeCycle } from './life-cycle.ts';
import type { EndedJob, Observer } from './observer.ts';
import { observerGroup } from './observer-group.ts';
import type { Scenario } from './scenario.ts';
import { SimCluster, urlsOf } from './sim-cluster.ts';
import type { SentMessage } from './sim-connection.ts';
import { SimLogger } from './sim-logger.ts';
import { SimNetwork } from './sim-network.ts';
import type { SimProcess } from './sim-process.ts';
import type { CommitBatch, CommitResult } from './sim-store.ts';
import { SimUser } from './sim-user.ts';
import { TaskScript } from './task-script.ts';
import { Trace } from './trace.ts';
import { VirtualTime } from './virtual-time.ts';

/** All jobs have to end within this time once nothing goes wrong any more. */
const HEALED_LIMIT_MS = 300_000;
/** What is idle after so long stays so. */
const IDLE_MS = 20_000;
const END_LIMIT_MS = 120_000;
/** What storage itself does after each flush: frees held reports, keeps the quota of outputs. */
const OWN_FLUSH_LISTENERS = 2;
/** The largest journal of a job. */
const RETRY_BYTES = 500_000;

export interface Violation {
  /** The name of the promise. */
  readonly checker: string;
  readonly message: string;
}

export interface WorldResult {
  readonly violations: readonly Violation[];
  /** The same if and only if everything happened the same. */
  readonly traceHash: string;
  readonly lastLines: readonly string[];
  readonly events: number;
  readonly virtualMs: number;
  readonly faults: ReadonlyMap<string, number>;
}

/** Lets a scenario happen from its beginning to its end. */
export async function runWorld(
  scenario: Scenario,
  print?: (line: string) => void,
): Promise<WorldResult> {
  const time = new VirtualTime();
  const database = await openMemoryDatabase(() => time.nowMs);
  return new World(scenario, { time, database, print }).run();
}

interface WorldOptions {
  readonly time: VirtualTime;
  readonly database: MemoryDatabase;
  readonly print: ((line: string) => void) | undefined;
}

class World {
  readonly #scenario: Scenario;
  readonly #database: MemoryDatabase;
  readonly #time: VirtualTime;
  readonly #trace: Trace;
  readonly #violations: Violation[] = [];
  readonly #observer: Required<Observer>;
  readonly #network: SimNetwork;
  readonly #lives: LifeCycle;
  readonly #bounds: BoundsWatch;
  readonly #plan: FaultPlan;
  readonly #seenJobs: number[] = [];
  readonly #seenRows = new Set<string>();
  readonly #ended: EndedJob[] = [];
  #newestSession = 0n;
  #cluster: SimCluster | undefined;
  #user: SimUser | undefined;

  constructor(scenario: Scenario, { time, database, print }: WorldOptions) {
    const { seed } = scenario;
    this.#scenario = scenario;
    this.#time = time;
    this.#database = database;
    this.#trace = new Trace(print);
    this.#observer = observerGroup([
      {
        jobSubmitted: ({ jobId }) => this.#seenJobs.push(jobId),
        jobEnded: (job) => this.#ended.push(job),
      },
      ...CHECKERS.map(({ name, watch }) =>
        watch((message) => this.#violated(name, message), scenario),
      ),
    ]);
    this.#bounds = new BoundsWatch(scenario, (message) =>
      this.#violated('buffers-bounded', message),
    );
    const rng = (purpose: string): SeededRng => new SeededRng(`${purpose} ${seed}`);
    this.#network = new SimNetwork({
      time: this.#time,
      rng: rng('network'),
      rates: scenario.network,
      onSent: (message) => this.#sent(message),
    });
    this.#lives = new LifeCycle({
      time: this.#time,
      rng: rng('lives'),
      skewMs: scenario.skewMs,
      seed,
    });
    this.#plan = new FaultPlan({
      scenario,
      time: this.#time,
      draw: new Draw(rng('faults')),
      network: this.#network,
      cluster: () => this.#cluster as SimCluster,
      drain: (id) => void this.#user?.drain(id),
      trace: (text) => this.#note(text),
    });
  }

  async run(): Promise<WorldResult> {
    const onUnhandled = (error: unknown): void =>
      this.#violated(
        'nothing-unhandled',
        error instanceof Error ? String(error.stack) : String(error),
      );
    process.on('unhandledRejection', onUnhandled);
    process.on('uncaughtException', onUnhandled);
    const startMs = this.#time.nowMs;
    try {
      await this.#createGroups();
      this.#start();
      await this.#live();
      await this.#end();
    } catch (error) {
      onUnhandled(error);
    } finally {
      process.off('unhandledRejection', onUnhandled);
      process.off('uncaughtException', onUnhandled);
      await this.#database[Symbol.asyncDispose]();
    }
    return {
      violations: this.#violations,
      traceHash: this.#trace.hash,
      lastLines: this.#trace.lastLines,
      events: this.#trace.length,
      virtualMs: this.#time.nowMs - startMs,
      faults: this.#plan.counts,
    };
  }

  /** Group 1 is the default one and is there already. */
  async #createGroups(): Promise<void> {
    const at = this.#lives.start('setup');
    const store = await this.#database.openStore(at.clock.now());
    for (let group = 2; group <= this.#scenario.groups; group++) {
      await store.resourceGroups.insert(`group-${group}`, 'no password');
    }
    at.kill();
  }

  #start(): void {
    const { seed } = this.#scenario;
    this.#cluster = new SimCluster({
      scenario: this.#scenario,
      time: this.#time,
      network: this.#network,
      lives: this.#lives,
      draw: new Draw(new SeededRng(`cluster ${seed}`)),
      database: this.#database,
      author: new TaskScript(
        this.#scenario.jobs,
        this.#observer,
        (text) => this.#note(text),
        () => this.#time.nowMs,
      ),
      loggerOf: (owner) => this.#loggerOf(owner),
      store: {
        fault: this.#plan.storeFault,
        crash: this.#plan.crash,
        delayMs: this.#plan.storeDelayMs,
        onCommitted: (session, batch, result) => this.#committed(session, batch, result),
      },
      onSession: (session) => {
        if (session > this.#newestSession) this.#newestSession = session;
      },
      onFailed: (failed, error) => {
        if (failed.isAlive && !isTransient(error)) this.#violated('no-failures', String(error));
      },
    });
  }

  /** Faults, then none; until all jobs have ended. */
  async #live(): Promise<void> {
    const user = (this.#user = new SimUser({
      process: this.#lives.start('user'),
      network: this.#network,
      storageUrls: urlsOf(this.#scenario),
      zstd: nodeZstd,
      observer: this.#observer,
      violated: (message) => this.#violated('clear-answers', message),
    }));
    let living = this.#scenario.jobs.length;
    for (const spec of this.#scenario.jobs) void user.live(spec).then(() => (living -= 1));
    this.#plan.start();
    const { faultyMs } = this.#scenario;
    const haveEnded = (): boolean => {
      this.#bounds.look(this.#cluster as SimCluster);
      return living === 0;
    };
    if (await this.#time.runUntil(haveEnded, faultyMs)) this.#note('all jobs have ended');
    this.#note('healing');
    this.#plan.heal();
    for (const frozen of this.#lives.living) frozen.thaw();
    if (!(await this.#time.runUntil(haveEnded, HEALED_LIMIT_MS))) {
      const open = await this.#describeJobs();
      this.#violated('every-job-ends', `${living} jobs have not ended: ${open}`);
    }
    await this.#time.runUntil(() => false, IDLE_MS);
    this.#validate();
    if (living === 0) this.#checkIdle();
  }

  /** Nothing is held for jobs that have ended, and for execution managers that are gone. */
  #checkIdle(): void {
    const { storage, scheduler, executionManagers = [] } = this.#cluster ?? {};
    const connected = executionManagers.length;
    const allowed: Partial<StorageUsage> = { executionManagers: connected };
    for (const [what, count] of Object.entries(storage?.service?.usage() ?? {})) {
      const most = what === 'endedJobs' ? Infinity : (allowed[what as keyof StorageUsage] ?? 0);
      // Some listen for storage itself, and one for each stream.
      const isLeft =
        what === 'flushListeners' ? count > connected + OWN_FLUSH_LISTENERS : count > most;
      if (isLeft) this.#violated('resources-released', `storage keeps ${count} ${what}`);
    }
    const { waiting = 0, unacknowledged = 0 } = scheduler?.usage() ?? {};
    if (waiting + unacknowledged > 0) {
      this.#violated('resources-released', `the scheduler keeps ${waiting + unacknowledged} tasks`);
    }
  }

  async #end(): Promise<void> {
    let left: readonly SimProcess[] | undefined;
    void this.#cluster?.end().then((living) => (left = living));
    await this.#time.runUntil(() => left !== undefined, END_LIMIT_MS);
    if (left === undefined) {
      this.#violated('resources-released', 'the cluster does not end');
      return;
    }
    await this.#time.runUntil(() => false, 1_000);
    for (const { name, clock } of left) {
      if (clock.pendingTimers > 0) {
        this.#violated('resources-released', `${name} ends with ${clock.pendingTimers} timers`);
      }
    }
    if (this.#network.openCalls > 0) {
      this.#violated('resources-released', `${this.#network.openCalls} calls are open at the end`);
    }
    await this.#compareWithDatabase();
  }

  async #compareWithDatabase(): Promise<void> {
    const { clock } = this.#lives.start('reader');
    const { jobs } = await this.#database.openStore(clock.now());
    for (const { jobId, state, succeededTasks } of this.#ended) {
      const stored = await jobs.findJob(BigInt(jobId) as Parameters<typeof jobs.findJob>[0]);
      if (stored?.state === state && stored.succeededTasks === succeededTasks) continue;
      this.#violated(
        'cache-equals-database',
        `job ${jobId} ended in state ${state} with ${succeededTasks} tasks, and the database says ` +
          `${stored?.state} with ${stored?.succeededTasks}`,
      );
    }
  }

  #validate(): void {
    try {
      this.#cluster?.storage?.service?.validateState();
      this.#cluster?.scheduler?.validateState();
    } catch (error) {
      this.#violated('invariants-hold', String(error));
    }
  }

  #sent({ from, to, method, message }: SentMessage): void {
    this.#note(`${from.name} > ${to.name} ${method}`);
    this.#measure(method, message);
    if (method !== 'Exchange' || from !== this.#cluster?.storage?.process) return;
    for (const { instances } of (message as ExchangeResponse).contexts) {
      if (instances === undefined) continue;
      const { jobId, taskIndexes } = instances;
      this.#note(`contexts of ${jobId}: ${taskIndexes.join(' ')}`);
      this.#observer.contextsIssued(Number(jobId), taskIndexes, this.#time.nowMs);
    }
    this.#validate();
  }

  /** What comes to storage. */
  #measure(method: string, message: unknown): void {
    if (isMessage(message, ExchangeRequestSchema)) this.#bounds.reported(message);
    if (isMessage(message, SubmitJobRequestSchema)) {
      const bytes = message.taskGraph.length + message.inputs.length;
      this.#bounds.submitted(bytes, this.#time.nowMs);
    }
    // It brings the journal of the job that had failed.
    if (method === 'RetryJob') this.#bounds.submitted(RETRY_BYTES, this.#time.nowMs);
  }

  #committed(session: bigint, batch: CommitBatch, result: CommitResult): void {
    const { submissions, journal, changes } = batch;
    this.#note(
      `session ${session} commits ${submissions.length} submissions, ${journal.length} rows, ` +
        `${changes.length} changes`,
    );
    this.#bounds.committed(this.#time.nowMs);
    this.#observer.written(session, this.#newestSession);
    for (const { jobId, sequence, records } of journal) {
      // A commit whose answer was lost is repeated, with the same rows.
      const row = `${jobId}/${sequence}`;
      if (!this.#seenRows.has(row)) this.#journaled(Number(jobId), records);
      this.#seenRows.add(row);
    }
    submissions.forEach(({ retry }, i) => {
      const submitted = result.submissions[i];
      if (retry === undefined || submitted?.kind !== 'job' || submitted.job.existed) return;
      for (const records of retry.journal) this.#journaled(Number(submitted.job.id), records);
    });
  }

  #journaled(jobId: number, records: Uint8Array): void {
    for (const { taskIndices, outcomes } of new JournalDecoder().push(records)) {
      for (let i = 0; i < taskIndices.length; i++) {
        const taskIndex = taskIndices[i] as number;
        const hasSucceeded = outcomes[i] === TaskOutcome.Succeeded;
        this.#observer.journaled({ jobId, taskIndex, hasSucceeded }, this.#time.nowMs);
      }
    }
  }

  #loggerOf(owner: SimProcess): SimLogger {
    return new SimLogger(owner.name, (level, line) => {
      if (!owner.isAlive) return;
      this.#note(line);
      const isExpected = line.endsWith('an executor did not come up');
      if (level === 'error' && !isExpected) this.#violated('no-errors', line);
    });
  }

  /** What storage says of the jobs that have not ended, for a report. */
  async #describeJobs(): Promise<string> {
    const jobs = this.#cluster?.storage?.service?.jobs;
    if (jobs === undefined) return 'there is no storage';
    const ended = new Set(this.#ended.map(({ jobId }) => jobId));
    const lines: string[] = [];
    for (const jobId of this.#seenJobs) {
      if (ended.has(jobId)) continue;
      const description = await jobs.describe(toId<JobId>(jobId));
      lines.push(
        JSON.stringify(description, (_, value: unknown) =>
          typeof value === 'bigint' ? Number(value) : value,
        ),
      );
    }
    return lines.join('; ');
  }

  #violated(checker: string, message: string): void {
    this.#note(`VIOLATION ${checker}: ${message}`);
    this.#violations.push({ checker, message });
  }

  #note(text: string): void {
    this.#trace.add(this.#time.nowMs, text);
  }
}

const isTransient = (error: unknown): boolean =>
  error instanceof Error && 'code' in error && error.code === 'unavailable';
