import { assert, EMPTY_FRAME, LIMITS } from '@spider/core';
import type { TerminationTask } from '@spider/core';
import { GrowingBuffer } from './growing-buffer.ts';
import type { JobControlBlock } from './job-control-block.ts';
import { LeaseRefusal } from './job-effect.ts';
import type { ContextsEffect } from './job-effect.ts';
import type { LeaseEvent } from './job-event.ts';

/** Gathers what it takes to run the tasks of one lease, until that fills a message. */
export class ContextsWriter {
  readonly #job: JobControlBlock;
  readonly #kinds: TerminationTask[] = [];
  readonly #kindPositions: number[] = [];
  readonly #inputLengths: number[] = [];
  readonly #taskIndices: number[] = [];
  readonly #inputs: GrowingBuffer;

  /** @param expectedCount of tasks. */
  constructor(job: JobControlBlock, expectedCount: number) {
    this.#job = job;
    const expectedBytes = expectedCount * job.expectedInputBytes;
    this.#inputs = new GrowingBuffer(Math.min(expectedBytes, LIMITS.batchBytes));
  }

  get count(): number {
    return this.#taskIndices.length;
  }

  get isFull(): boolean {
    return this.#inputs.length >= LIMITS.batchBytes;
  }

  /** Adds a task that exists. Answers why it cannot be run, in which case nothing was added. */
  add(row: number): LeaseRefusal | undefined {
    const inputs = this.#inputs;
    const start = inputs.length;
    if (!writeInput(this.#job, row, inputs)) {
      inputs.length = start;
      return LeaseRefusal.InputsTooLarge;
    }
    this.#inputLengths.push(inputs.length - start);
    this.#taskIndices.push(this.#job.indexOf(row));
    this.#kindPositions.push(positionOf(this.#job.kindOf(row), this.#kinds));
    return undefined;
  }

  /** @param left see the effect. */
  finish({ executionManager, firstInstance }: LeaseEvent, left: number): ContextsEffect {
    this.#job.expectedInputBytes = Math.ceil(this.#inputs.length / this.count);
    return {
      type: 'contexts',
      executionManager,
      taskIndices: this.#taskIndices,
      firstInstance,
      kinds: this.#kinds,
      kindPositions: this.#kindPositions,
      inputLengths: this.#inputLengths,
      inputs: this.#inputs.finish(),
      left,
    };
  }
}

/** Most batches are of one kind or a few. */
function positionOf(kind: TerminationTask, kinds: TerminationTask[]): number {
  const position = kinds.lastIndexOf(kind);
  return position === -1 ? kinds.push(kind) - 1 : position;
}

/** Answers false, with only a part written, if the input exceeds its limit. */
function writeInput(job: JobControlBlock, row: number, to: GrowingBuffer): boolean {
  if (row < job.taskCount) return job.inputs.write(row, to);
  if (row === job.cleanupRow) {
    to.append(EMPTY_FRAME);
    return true;
  }
  assert(job.jobOutputs !== undefined, `${job.name}: commit task without job outputs`);
  if (1 + job.jobOutputs.length > LIMITS.taskPayloadBytes) return false;
  to.append(NOT_COMPRESSED);
  to.append(job.jobOutputs);
  return true;
}

/** The option byte of outputs. */
const NOT_COMPRESSED = Uint8Array.of(0);
