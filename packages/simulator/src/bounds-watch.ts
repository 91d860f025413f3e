import type { ExchangeRequest } from '@spider/proto';

import type { ReportViolation } from './observer.ts';
import type { Scenario } from './scenario.ts';
import type { SimCluster } from './sim-cluster.ts';

/** Sees to it that no queue and no buffer of a cluster holds more than it may. */
export class BoundsWatch {
  readonly #scenario: Scenario;
  readonly #violated: ReportViolation;
  /** What the largest message brings that an execution manager has sent. */
  #largestReports = 0;
  /** What is not held back by what waits: submissions that may not have been written yet. */
  #submissions: { readonly atMs: number; readonly bytes: number }[] = [];
  /** When the last transactions were committed, the latest last. */
  #committedAtMs: readonly number[] = [];
  /** By scheduler: the most that execution managers had of it, or could have had, at a time. */
  readonly #mostHeld = new WeakMap<object, number>();
  #hasFailed = false;

  constructor(scenario: Scenario, violated: ReportViolation) {
    this.#scenario = scenario;
    this.#violated = violated;
  }

  reported({ reports }: ExchangeRequest): void {
    let bytes = 0;
    for (const { payloads, payloadLengths } of reports) {
      bytes += payloads.length + REPORT_BYTES * (payloadLengths.length + 1);
    }
    this.#largestReports = Math.max(this.#largestReports, bytes);
  }

  /** A message that brings so many bytes which are written whatever waits. */
  submitted(bytes: number, nowMs: number): void {
    this.#submissions.push({ atMs: nowMs, bytes });
  }

  /** What was submitted long before some commits is in one of them, or will never be written. */
  committed(nowMs: number): void {
    this.#committedAtMs = [...this.#committedAtMs, nowMs].slice(-COMMITS);
    const [first = nowMs] = this.#committedAtMs;
    if (this.#committedAtMs.length < COMMITS) return;
    this.#submissions = this.#submissions.filter(({ atMs }) => atMs > first - ON_THE_WAY_MS);
  }

  /** Looks at a cluster in which nothing more happens without time passing. */
  look(cluster: SimCluster): void {
    if (this.#hasFailed) return;
    this.#lookAtStorage(cluster);
    this.#lookAtScheduler(cluster);
  }

  #lookAtStorage({ storage }: SimCluster): void {
    const usage = storage?.service?.usage();
    if (usage === undefined) return;
    const { bounds, machines } = this.#scenario;
    let unread = this.#largestReports * STREAMS_OF_A_MACHINE * machines.length;
    for (const { bytes } of this.#submissions) unread += bytes;
    this.#check('unflushed bytes', usage.unflushedBytes, bounds.unflushedBytes + unread);
  }

  #lookAtScheduler({ scheduler }: SimCluster): void {
    if (scheduler === undefined) return;
    const { waiting, upstreamCredit, unacknowledged, credit, pools } = scheduler.usage();
    const held = Math.max(this.#mostHeld.get(scheduler) ?? 0, unacknowledged + credit);
    this.#mostHeld.set(scheduler, held);
    const most = this.#scenario.bounds.readyTasks * pools + held;
    this.#check('tasks that wait in the scheduler', waiting + upstreamCredit, most);
  }

  #check(what: string, count: number, most: number): void {
    if (count <= most) return;
    this.#hasFailed = true;
    this.#violated(`${count} ${what}, ${most} are the most`);
  }
}

/** An execution manager that starts anew may find the last message of the one before still to be read. */
const STREAMS_OF_A_MACHINE = 2;
/** A submission waits for one transaction to end, for room after it, and is in the next. */
const COMMITS = 3;
/** The longest that a call is on its way. */
const ON_THE_WAY_MS = 5_000;
/** Of a report without its payload, in the journal. */
const REPORT_BYTES = 64;
