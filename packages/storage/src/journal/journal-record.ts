import { LIMITS, SpiderError, TaskOutcome } from '@spider/core';
import type { JournalEffect } from '../machine/job-effect.ts';
import type { AttemptColumns } from '../machine/job-event.ts';

/*
 * A journal is a sequence of blocks, each with some finished attempts of one execution manager. All
 * numbers are little-endian:
 *
 *   version u8 (1), length of what follows u32,
 *   execution manager u64, instance base u64, started base u64 (milliseconds), count u32,
 *   task index u32 × count, instance offset u32 × count, started offset u32 × count,
 *   elapsed u32 × count (microseconds), payload length u32 × count, outcome u8 × count,
 *   payloads.
 *
 * Blocks say how long they are, so rows of a table may cut them anywhere.
 */
const VERSION = 1;
const PREFIX_BYTES = 1 + 4;
const HEADER_BYTES = 8 + 8 + 8 + 4;
const COLUMN_BYTES = 4;
const ATTEMPT_BYTES = 5 * COLUMN_BYTES + 1;

/** Encodes the attempts of a `journal` effect; the result can be appended to what came before. */
export function encodeJournalRecords(effect: JournalEffect): Uint8Array<ArrayBuffer> {
  const { attempts, positions } = effect;
  const payloads = gatherPayloads(effect);
  const length = HEADER_BYTES + positions.length * ATTEMPT_BYTES + payloads.totalBytes;
  const bytes = new Uint8Array(PREFIX_BYTES + length);
  const view = new DataView(bytes.buffer);
  view.setUint8(0, VERSION);
  view.setUint32(1, length, true);
  let at = PREFIX_BYTES;
  at = writeUint64(view, at, attempts.executionManager);
  at = writeUint64(view, at, attempts.instanceBase);
  at = writeUint64(view, at, attempts.startedBaseMs);
  view.setUint32(at, positions.length, true);
  at = writeColumn(view, at + 4, attempts.taskIndices, positions);
  at = writeColumn(view, at, attempts.instanceOffsets, positions);
  at = writeColumn(view, at, attempts.startedOffsetsMs, positions);
  at = writeColumn(view, at, attempts.elapsedUs, positions);
  for (const payloadLength of payloads.lengths) {
    view.setUint32(at, payloadLength, true);
    at += COLUMN_BYTES;
  }
  for (const position of positions) bytes[at++] = outcomeOf(effect, position);
  for (const run of payloads.runs) {
    bytes.set(run, at);
    at += run.length;
  }
  return bytes;
}

/** How many regular tasks of a job have succeeded by the attempts of a `journal` effect. */
export function countSuccesses(effect: JournalEffect, taskCount: number): number {
  const { positions, malformed } = effect;
  const { outcomes, taskIndices } = effect.attempts;
  let successes = 0;
  for (const position of positions) {
    const isRegular = (taskIndices[position] as number) < taskCount;
    if (isRegular && outcomes[position] === TaskOutcome.Succeeded && !malformed.has(position)) {
      successes += 1;
    }
  }
  return successes;
}

/** The payloads of a block, in the order of its attempts. */
interface GatheredPayloads {
  readonly lengths: number[];
  /** Those that follow one another in what was reported are one run. */
  readonly runs: Uint8Array[];
  totalBytes: number;
}

/** Error messages are cut to what is kept of them. */
function gatherPayloads({ attempts, positions, malformed }: JournalEffect): GatheredPayloads {
  const { payloads, payloadLengths, outcomes } = attempts;
  const gathered: GatheredPayloads = { lengths: [], runs: [], totalBytes: 0 };
  let start = 0;
  let runStart = 0;
  let runEnd = 0;
  let next = 0;
  for (let i = 0; next < positions.length; i++) {
    const length = payloadLengths[i] as number;
    if (i === positions[next]) {
      const isSuccess = outcomes[i] === TaskOutcome.Succeeded;
      const message = malformed.size === 0 ? undefined : malformed.get(i);
      let kept = isSuccess ? length : Math.min(length, LIMITS.errorMessageBytes);
      if (start !== runEnd || message !== undefined) {
        gathered.runs.push(payloads.subarray(runStart, runEnd));
        runStart = start;
        runEnd = start;
      }
      if (message === undefined) runEnd += kept;
      else {
        const text = new TextEncoder().encode(message);
        gathered.runs.push(text);
        kept = text.length;
      }
      gathered.lengths.push(kept);
      gathered.totalBytes += kept;
      next += 1;
    }
    start += length;
  }
  gathered.runs.push(payloads.subarray(runStart, runEnd));
  return gathered;
}

function outcomeOf({ attempts, malformed }: JournalEffect, position: number): number {
  if (malformed.has(position)) return TaskOutcome.Failed;
  return attempts.outcomes[position] as number;
}

function writeColumn(
  view: DataView,
  start: number,
  column: ArrayLike<number>,
  positions: readonly number[],
): number {
  let at = start;
  for (const position of positions) {
    view.setUint32(at, column[position] as number, true);
    at += COLUMN_BYTES;
  }
  return at;
}

function writeUint64(view: DataView, at: number, value: number): number {
  view.setUint32(at, value % 2 ** 32, true);
  view.setUint32(at + 4, Math.floor(value / 2 ** 32), true);
  return at + 8;
}

/**
 * Reads a job's journal, in pieces of any size. Each block that is complete comes out as columns for
 * a `replay` event.
 */
export class JournalDecoder {
  #pieces: Uint8Array[] = [];
  #length = 0;
  /** Bytes that the next block needs, as far as that is known. */
  #needed = PREFIX_BYTES;

  /**
   * Takes the next bytes. Answers the blocks that they complete.
   *
   * @throws SpiderError 'internal' if this is no journal.
   */
  push(bytes: Uint8Array): AttemptColumns[] {
    this.#pieces.push(bytes);
    this.#length += bytes.length;
    const blocks: AttemptColumns[] = [];
    while (this.#length >= this.#needed) {
      const whole = this.#join();
      if (this.#needed === PREFIX_BYTES) {
        this.#needed += readBlockLength(whole);
        continue;
      }
      blocks.push(decodeBlock(whole.subarray(PREFIX_BYTES, this.#needed)));
      this.#pieces = [whole.subarray(this.#needed)];
      this.#length -= this.#needed;
      this.#needed = PREFIX_BYTES;
    }
    return blocks;
  }

  /** Whether no block has been begun. */
  get isAtEnd(): boolean {
    return this.#length === 0;
  }

  /** There is no more. @throws SpiderError 'internal' if a block has been begun. */
  end(): void {
    if (this.#length > 0) throw corrupt(`it ends ${this.#needed - this.#length} bytes too early`);
  }

  #join(): Uint8Array {
    const [first] = this.#pieces;
    if (first !== undefined && this.#pieces.length === 1) return first;
    const whole = new Uint8Array(this.#length);
    let at = 0;
    for (const piece of this.#pieces) {
      whole.set(piece, at);
      at += piece.length;
    }
    this.#pieces = [whole];
    return whole;
  }
}

function readBlockLength(bytes: Uint8Array): number {
  const view = viewOf(bytes);
  const version = view.getUint8(0);
  if (version !== VERSION) throw corrupt(`a block of version ${version}`);
  const length = view.getUint32(1, true);
  if (length < HEADER_BYTES) throw corrupt(`a block of ${length} bytes`);
  return length;
}

function decodeBlock(body: Uint8Array): AttemptColumns {
  const view = viewOf(body);
  const count = view.getUint32(24, true);
  if (count > (body.length - HEADER_BYTES) / ATTEMPT_BYTES) {
    throw corrupt(`${count} attempts in ${body.length} bytes`);
  }
  const column = (number: number): Uint32Array =>
    readColumn(view, HEADER_BYTES + number * COLUMN_BYTES * count, count);
  const outcomesStart = HEADER_BYTES + 5 * COLUMN_BYTES * count;
  const outcomes = body.subarray(outcomesStart, outcomesStart + count);
  const payloads = body.subarray(outcomesStart + count);
  const payloadLengths = column(4);
  checkOutcomes(outcomes);
  checkPayloads(payloadLengths, payloads);
  return {
    executionManager: readUint64(view, 0),
    taskIndices: column(0),
    instanceBase: readUint64(view, 8),
    instanceOffsets: column(1),
    outcomes,
    payloadLengths,
    payloads,
    startedBaseMs: readUint64(view, 16),
    startedOffsetsMs: column(2),
    elapsedUs: column(3),
  };
}

function readColumn(view: DataView, start: number, count: number): Uint32Array {
  const column = new Uint32Array(count);
  for (let i = 0; i < count; i++) column[i] = view.getUint32(start + i * COLUMN_BYTES, true);
  return column;
}

function checkOutcomes(outcomes: Uint8Array): void {
  for (const outcome of outcomes) {
    const isFinished = outcome >= TaskOutcome.Succeeded && outcome <= TaskOutcome.FailedForGood;
    if (!isFinished) throw corrupt(`an attempt with outcome ${outcome}`);
  }
}

function checkPayloads(lengths: Uint32Array, payloads: Uint8Array): void {
  let total = 0;
  for (const length of lengths) total += length;
  if (total !== payloads.length) throw corrupt(`${payloads.length} bytes of payload, not ${total}`);
}

function readUint64(view: DataView, at: number): number {
  const value = view.getUint32(at, true) + view.getUint32(at + 4, true) * 2 ** 32;
  if (!Number.isSafeInteger(value)) throw corrupt('a number beyond 2^53');
  return value;
}

const viewOf = (bytes: Uint8Array): DataView =>
  new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);

const corrupt = (what: string): SpiderError =>
  new SpiderError('internal', `the journal is corrupt: ${what}`);
