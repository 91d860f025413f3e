import {
  decodeExecutorError,
  ExecutorOutcome,
  formatExecutorError,
  LIMITS,
  TaskOutcome,
} from '@spider/core';
import type { Clock } from '@spider/runtime';
import type { InstanceList, InstanceLot } from '../machine/instance-lot.ts';
import type { ResponseBatch } from '../machine/slot-event.ts';
import { KeptReports, type ReportMessage } from './kept-reports.ts';
import { type Ending, ReportGroup } from './report-group.ts';

/** Tasks in one message; more gain nothing. */
const MESSAGE_TASKS = 256;
/** Unflushed tasks and payload bytes from which on no more work is asked for … */
const BACKLOG_TASKS = 64 * 1024;
const BACKLOG_BYTES = 64 * 1024 * 1024;
/** … until they have fallen below this share. */
const BACKLOG_OVER = 0.5;

const NO_PAYLOAD = new Uint8Array(0);
const encoder = new TextEncoder();

export interface OutcomeReporterOptions {
  readonly clock: Clock;
  /** Something has gathered that `take` should be called for, soon. */
  readonly onGathered: () => void;
  /** Whether more is kept than is good. Called when that changes. */
  readonly onBacklog: (isFull: boolean) => void;
}

/**
 * Gathers how instances ended into messages, numbers them, and keeps each until storage has said
 * that it is flushed.
 */
export class OutcomeReporter {
  readonly #options: OutcomeReporterOptions;
  readonly kept = new KeptReports();
  #groups: ReportGroup[] = [];
  #lastGroup: ReportGroup | undefined;
  #lastLot: InstanceLot | undefined;
  #count = 0;
  #bytes = 0;
  #lastSequence = 0;
  #untaken: ReportMessage[] = [];
  #isBacklogged = false;
  /** Of the answer that is being looked at. */
  readonly #ending = endingWith(TaskOutcome.Succeeded, NO_PAYLOAD, 0, 0);

  constructor(options: OutcomeReporterOptions) {
    this.#options = options;
  }

  /** Whether every report so far is flushed. */
  get isEmpty(): boolean {
    return this.kept.count === 0 && this.#count === 0;
  }

  /** Answer i is that of instance i; a lot that is undefined wants none. */
  answered(
    responses: ResponseBatch,
    lots: readonly (InstanceLot | undefined)[],
    positions: readonly number[],
  ): void {
    const nowMs = this.#options.clock.now();
    const { count, outcomes, elapsedUs, payloads } = responses;
    for (let i = 0; i < count; i += 1) {
      const lot = lots[i];
      if (lot === undefined) continue;
      const ending = this.#ending;
      ending.bytes = payloads.bytes;
      ending.start = payloads.starts[i] as number;
      ending.end = payloads.ends[i] as number;
      ending.elapsedUs = elapsedUs[i] as number;
      ending.startedMs = startOf(nowMs, ending.elapsedUs);
      judge(ending, outcomes[i] as ExecutorOutcome);
      this.#add(lot, positions[i] as number, ending);
    }
  }

  /** An instance failed without an answer of its own. */
  failed(
    lot: InstanceLot,
    position: number,
    outcome: typeof TaskOutcome.Failed | typeof TaskOutcome.FailedForGood,
    message: string,
    elapsedUs: number,
  ): void {
    const startedMs = startOf(this.#options.clock.now(), elapsedUs);
    this.#add(lot, position, endingWith(outcome, encodeMessage(message), startedMs, elapsedUs));
  }

  /** Instances were never run. */
  released({ lots, positions }: InstanceList): void {
    const startedMs = startOf(this.#options.clock.now(), 0);
    const ending = endingWith(TaskOutcome.Released, NO_PAYLOAD, startedMs, 0);
    lots.forEach((lot, i) => this.#add(lot, positions[i] as number, ending));
  }

  /** What has gathered since the last call, as messages. They are kept. */
  take(): readonly ReportMessage[] {
    this.#seal();
    const messages = this.#untaken;
    this.#untaken = [];
    return messages;
  }

  /** All messages up to this number are durable. */
  flushed(sequence: number): void {
    this.kept.flushed(sequence);
    if (this.#isBacklogged) this.#checkBacklog();
  }

  /** Forgets everything. Numbers go on. */
  clear(): void {
    this.#startMessage();
    this.#untaken = [];
    this.kept.clear();
    this.#checkBacklog();
  }

  #add(lot: InstanceLot, position: number, ending: Ending): void {
    const length = ending.end - ending.start;
    const isFull = this.#count >= MESSAGE_TASKS || this.#bytes + length > LIMITS.batchBytes;
    if (isFull) this.#seal();
    this.#groupOf(lot).add(lot, position, ending);
    this.#count += 1;
    this.#bytes += length;
    if (this.#count === 1) this.#options.onGathered();
  }

  #groupOf(lot: InstanceLot): ReportGroup {
    if (lot === this.#lastLot && this.#lastGroup !== undefined) return this.#lastGroup;
    const { jobId, instanceBase } = lot;
    let group = this.#groups.find((g) => g.jobId === jobId && g.instanceBase === instanceBase);
    if (group === undefined) {
      group = new ReportGroup(lot);
      this.#groups.push(group);
    }
    this.#lastLot = lot;
    this.#lastGroup = group;
    return group;
  }

  #seal(): void {
    if (this.#count === 0) return;
    this.#lastSequence += 1;
    const message: ReportMessage = {
      sequence: this.#lastSequence,
      reports: this.#groups.map((group) => group.build()),
      count: this.#count,
      bytes: this.#bytes,
    };
    this.kept.add(message);
    this.#untaken.push(message);
    this.#startMessage();
    if (!this.#isBacklogged) this.#checkBacklog();
  }

  #startMessage(): void {
    this.#groups = [];
    this.#lastGroup = undefined;
    this.#lastLot = undefined;
    this.#count = 0;
    this.#bytes = 0;
  }

  #checkBacklog(): void {
    const share = this.#isBacklogged ? BACKLOG_OVER : 1;
    const { count, bytes } = this.kept;
    const isFull = count >= BACKLOG_TASKS * share || bytes >= BACKLOG_BYTES * share;
    if (isFull === this.#isBacklogged) return;
    this.#isBacklogged = isFull;
    this.#options.onBacklog(isFull);
  }
}

function endingWith(
  outcome: TaskOutcome,
  payload: Uint8Array,
  startedMs: number,
  elapsedUs: number,
): Ending {
  return { outcome, bytes: payload, start: 0, end: payload.length, startedMs, elapsedUs };
}

/** What storage is to make of an answer. Instead of an error it gets the text that people read. */
function judge(ending: Ending, outcome: ExecutorOutcome): void {
  const { bytes, start, end } = ending;
  if (outcome !== ExecutorOutcome.Succeeded) {
    const isForGood = outcome === ExecutorOutcome.FailedForGood;
    ending.outcome = isForGood ? TaskOutcome.FailedForGood : TaskOutcome.Failed;
    setMessage(ending, explain(bytes.subarray(start, end)));
  } else if (end - start <= LIMITS.taskPayloadBytes) {
    ending.outcome = TaskOutcome.Succeeded;
  } else {
    ending.outcome = TaskOutcome.FailedForGood;
    const most = LIMITS.taskPayloadBytes;
    setMessage(ending, encodeMessage(`the outputs have ${end - start} bytes, more than ${most}`));
  }
}

function setMessage(ending: Ending, message: Uint8Array): void {
  ending.bytes = message;
  ending.start = 0;
  ending.end = message.length;
}

const startOf = (nowMs: number, elapsedUs: number): number =>
  Math.max(0, Math.round(nowMs - elapsedUs / 1000));

/** Turns an executor's encoded error into the text that people read. */
function explain(payload: Uint8Array): Uint8Array {
  try {
    return encodeMessage(formatExecutorError(decodeExecutorError(payload)));
  } catch {
    return encodeMessage(
      `the executor reported an error that cannot be read (${payload.length} bytes)`,
    );
  }
}

function encodeMessage(message: string): Uint8Array {
  const bytes = encoder.encode(message);
  if (bytes.length <= LIMITS.errorMessageBytes) return bytes;
  return encoder.encode(new TextDecoder().decode(bytes.subarray(0, LIMITS.errorMessageBytes - 3)));
}
