import { create } from '@bufbuild/protobuf';
import type { TaskOutcome } from '@spider/core';
import {
  JobInstancesSchema,
  type TaskReports,
  TaskReportsSchema,
  toWireTaskOutcomes,
} from '@spider/proto';
import type { InstanceLot } from '../machine/instance-lot.ts';

/** Ended instances of one job, in the columns of their message. */
export class ReportGroup {
  readonly jobId: bigint;
  readonly instanceBase: bigint;
  readonly #taskIndexes: number[] = [];
  readonly #instanceOffsets: number[] = [];
  readonly #outcomes: TaskOutcome[] = [];
  readonly #payloads: Uint8Array[] = [];
  readonly #payloadLengths: number[] = [];
  readonly #startedMs: number[] = [];
  readonly #elapsedUs: number[] = [];
  #payloadBytes = 0;
  #firstStartMs = Infinity;

  constructor(lot: InstanceLot) {
    this.jobId = lot.jobId;
    this.instanceBase = lot.instanceBase;
  }

  /** The payload is copied by `build`; until then it must not change. */
  add(
    lot: InstanceLot,
    position: number,
    outcome: TaskOutcome,
    payload: Uint8Array,
    startedMs: number,
    elapsedUs: number,
  ): void {
    this.#taskIndexes.push(lot.taskIndexes[position] as number);
    this.#instanceOffsets.push(lot.instanceOffsets[position] as number);
    this.#outcomes.push(outcome);
    this.#payloads.push(payload);
    this.#payloadLengths.push(payload.length);
    this.#payloadBytes += payload.length;
    this.#startedMs.push(startedMs);
    // An executor may claim any time, and a clock may tell fractions.
    this.#elapsedUs.push(Math.min(Math.round(elapsedUs), UINT32_MAX));
    if (startedMs < this.#firstStartMs) this.#firstStartMs = startedMs;
  }

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
    reports.payloads = concatenate(this.#payloads, this.#payloadBytes);
    reports.startedBaseMs = BigInt(this.#firstStartMs);
    reports.startedOffsetsMs = this.#startedMs.map((startedMs) =>
      Math.min(startedMs - this.#firstStartMs, UINT32_MAX),
    );
    reports.elapsedUs = this.#elapsedUs;
    return reports;
  }
}

const UINT32_MAX = 0xffff_ffff;

function concatenate(parts: readonly Uint8Array[], length: number): Uint8Array<ArrayBuffer> {
  const whole = new Uint8Array(length);
  let position = 0;
  for (const part of parts) {
    whole.set(part, position);
    position += part.length;
  }
  return whole;
}
