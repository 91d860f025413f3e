import type { TimestampMs } from '@spider/core';
import type { AttemptColumns } from './job-event.ts';

/** Walks over the attempts of a batch; one object for all of them. */
export class AttemptCursor {
  readonly columns: AttemptColumns;
  position = -1;
  payloadStart = 0;
  payloadEnd = 0;

  constructor(columns: AttemptColumns) {
    this.columns = columns;
  }

  /** Goes to the next attempt. Answers whether there is one. */
  next(): boolean {
    const { taskIndices, payloadLengths } = this.columns;
    this.position += 1;
    if (this.position >= taskIndices.length) return false;
    this.payloadStart = this.payloadEnd;
    this.payloadEnd += payloadLengths[this.position] as number;
    return true;
  }

  get taskIndex(): number {
    return this.columns.taskIndices[this.position] as number;
  }

  get instance(): number {
    return this.columns.instanceBase + (this.columns.instanceOffsets[this.position] as number);
  }

  /** By the clock of who ran it; undefined if it is not known when it started. */
  get endedAt(): TimestampMs | undefined {
    const { startedBaseMs, startedOffsetsMs, elapsedUs } = this.columns;
    if (startedBaseMs === 0) return undefined;
    const startedAt = startedBaseMs + (startedOffsetsMs[this.position] as number);
    return Math.floor(startedAt + (elapsedUs[this.position] as number) / 1000) as TimestampMs;
  }

  get outcome(): number {
    return this.columns.outcomes[this.position] as number;
  }
}
