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
import { ReportGroup } from './report-group.ts';

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
    for (let i = 0; i < responses.count; i += 1) {
      const lot = lots[i];
      if (lot === undefined) continue;
      const elapsedUs = responses.elapsedUs[i] as number;
      const payload = responses.payloads[i] as Uint8Array;
      const startedMs = startOf(nowMs, elapsedUs);
      const position = positions[i] as number;
      switch (responses.outcomes[i]) {
        case ExecutorOutcome.Succeeded:
          this.#succeeded(lot, position, payload, startedMs, elapsedUs);
          break;
        case ExecutorOutcome.FailedForGood:
          this.#add(
            lot,
            position,
            TaskOutcome.FailedForGood,
            explain(payload),
            startedMs,
            elapsedUs,
          );
          break;
        default:
          this.#add(lot, position, TaskOutcome.Failed, explain(payload), startedMs, elapsedUs);
      }
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
    this.#add(lot, position, outcome, encodeMessage(message), startedMs, elapsedUs);
  }

  /** Instances were never run. */
  released({ lots, positions }: InstanceList): void {
    const startedMs = startOf(this.#options.clock.now(), 0);
    lots.forEach((lot, i) => {
      this.#add(lot, positions[i] as number, TaskOutcome.Released, NO_PAYLOAD, startedMs, 0);
    });
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

  #succeeded(
    lot: InstanceLot,
    position: number,
    outputs: Uint8Array,
    startedMs: number,
    elapsedUs: number,
  ): void {
    if (outputs.length <= LIMITS.taskPayloadBytes) {
      this.#add(lot, position, TaskOutcome.Succeeded, outputs, startedMs, elapsedUs);
      return;
    }
    const message = encodeMessage(
      `the outputs have ${outputs.length} bytes, more than ${LIMITS.taskPayloadBytes}`,
    );
    this.#add(lot, position, TaskOutcome.FailedForGood, message, startedMs, elapsedUs);
  }

  #add(
    lot: InstanceLot,
    position: number,
    outcome: TaskOutcome,
    payload: Uint8Array,
    startedMs: number,
    elapsedUs: number,
  ): void {
    const bytes = this.#bytes + payload.length;
    if (this.#count >= MESSAGE_TASKS || bytes > LIMITS.batchBytes) this.#seal();
    this.#groupOf(lot).add(lot, position, outcome, payload, startedMs, elapsedUs);
    this.#count += 1;
    this.#bytes += payload.length;
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
