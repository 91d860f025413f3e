import { create } from '@bufbuild/protobuf';
import { ByteWriter, type TaskOutcome } from '@spider/core';
import {
  JobInstancesSchema,
  type TaskReports,
  TaskReportsSchema,
  toWireTaskOutcomes,
} from '@spider/proto';
import type { InstanceLot } from '../machine/instance-lot.ts';

/** How an instance ended. */
export interface Ending {
  outcome: TaskOutcome;
  /** What it has for storage lies in these bytes … */
  bytes: Uint8Array;
  /** … from here … */
  start: number;
  /** … to here. */
  end: number;
  startedMs: number;
  elapsedUs: number;
}

/** Ended instances of one job, in the columns of their message. */
export class ReportGroup {
  readonly jobId: bigint;
  readonly instanceBase: bigint;
  readonly #taskIndexes: number[] = [];
  readonly #instanceOffsets: number[] = [];
  readonly #outcomes: TaskOutcome[] = [];
  readonly #payloads = new ByteWriter(PAYLOAD_BYTES, Infinity);
  readonly #payloadLengths: number[] = [];
  readonly #startedMs: number[] = [];
  readonly #elapsedUs: number[] = [];
  #firstStartMs = Infinity;

  constructor(lot: InstanceLot) {
    this.jobId = lot.jobId;
    this.instanceBase = lot.instanceBase;
  }

  /** Copies what it is given. */
  add(lot: InstanceLot, position: number, ending: Ending): void {
    const { outcome, bytes, start, end, startedMs, elapsedUs } = ending;
    this.#taskIndexes.push(lot.taskIndexes[position] as number);
    this.#instanceOffsets.push(lot.instanceOffsets[position] as number);
    this.#outcomes.push(outcome);
    this.#payloads.appendRange(bytes, start, end);
    this.#payloadLengths.push(end - start);
    this.#startedMs.push(startedMs);
    // An executor may claim any time, and a clock may tell fractions.
    this.#elapsedUs.push(Math.min(Math.round(elapsedUs), UINT32_MAX));
    if (startedMs < this.#firstStartMs) this.#firstStartMs = startedMs;
  }

  /** Only once. */
  build(): TaskReports {
    const instances = create(JobInstancesSchema);
    instances.jobId = this.jobId;
    instances.instanceBase = this.instanceBase;
    instances.taskIndexes = this.#taskIndexes;
    instances.instanceOffsets = this.#instanceOffsets;
    const reports = create(TaskReportsSchema);
    reports.instances = instances;
    reports.outcomes = toWireTaskOutcomes(this.#outcomes);
    reports.payloadLengths = this.#payloadLengths;
    reports.payloads = this.#payloads.peek();
    reports.startedBaseMs = BigInt(this.#firstStartMs);
    reports.startedOffsetsMs = this.#startedMs.map((startedMs) =>
      Math.min(startedMs - this.#firstStartMs, UINT32_MAX),
    );
    reports.elapsedUs = this.#elapsedUs;
    return reports;
  }
}

/** What the payloads of a message mostly take; it grows. */
const PAYLOAD_BYTES = 4 * 1024;
const UINT32_MAX = 0xffff_ffff;
