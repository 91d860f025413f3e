import type { TaskGraph } from '@spider/core';
import {
  frameBounds,
  invalidArgument,
  LIMITS,
  SOURCE_CONSTANT,
  SOURCE_JOB_INPUT,
} from '@spider/core';
import type { GrowingBuffer } from './growing-buffer.ts';
import { writeUint32, type OutputStore } from './output-store.ts';
import { copyBytes } from './payload-arena.ts';

/** Where the inputs of a job's tasks come from, and how they get into one wire frame. */
export class TaskInputs {
  readonly #graph: TaskGraph;
  readonly #outputs: OutputStore;
  readonly #jobInputs: Uint8Array;
  /** Job input i is at [2i] … [2i + 1] of the submitted frame. */
  readonly #jobInputBounds: Uint32Array;

  /** @throws SpiderError 'invalid-argument' if the frame is none, or not of one payload for each input. */
  constructor(graph: TaskGraph, jobInputs: Uint8Array, outputs: OutputStore) {
    this.#graph = graph;
    this.#outputs = outputs;
    this.#jobInputs = jobInputs;
    this.#jobInputBounds = Uint32Array.from(frameBounds(jobInputs));
    const count = this.#jobInputBounds.length / 2;
    if (count !== graph.jobInputs.length) {
      throw invalidArgument(`the task graph takes ${graph.jobInputs.length} inputs, not ${count}`);
    }
  }

  /**
   * Writes a task's inputs as a wire frame. Answers false, with only a part of it written, if it
   * exceeds `LIMITS.taskPayloadBytes`.
   */
  write(task: number, to: GrowingBuffer): boolean {
    const { inputOffset, sourceTask, sourceSlot } = this.#graph;
    const mostLength = to.length + LIMITS.taskPayloadBytes;
    const first = inputOffset[task] as number;
    const end = inputOffset[task + 1] as number;
    to.reserve(4);
    to.length = writeUint32(to.bytes, to.length, end - first);
    for (let input = first; input < end; input++) {
      const source = sourceTask[input] as number;
      const slot = sourceSlot[input] as number;
      if (source < SOURCE_CONSTANT) this.#outputs.write(source, slot, to);
      else if (source === SOURCE_JOB_INPUT) this.#writeJobInput(slot, to);
      else writePayload(this.#graph.constants[slot] as Uint8Array, to);
      if (to.length > mostLength) return false;
    }
    return true;
  }

  /** Whether the outputs that a task takes are in memory; its parents have succeeded. */
  areInMemory(task: number): boolean {
    const { inputOffset, sourceTask } = this.#graph;
    const end = inputOffset[task + 1] as number;
    for (let input = inputOffset[task] as number; input < end; input++) {
      const source = sourceTask[input] as number;
      if (source < SOURCE_CONSTANT && !this.#outputs.isInMemory(source)) return false;
    }
    return true;
  }

  #writeJobInput(input: number, to: GrowingBuffer): void {
    const start = this.#jobInputBounds[2 * input] as number;
    const end = this.#jobInputBounds[2 * input + 1] as number;
    // Its length lies in front of it.
    const length = end - start + 4;
    to.reserve(length);
    copyBytes(this.#jobInputs, start - 4, length, to.bytes, to.length);
    to.length += length;
  }
}

function writePayload(payload: Uint8Array, to: GrowingBuffer): void {
  to.reserve(4 + payload.length);
  const at = writeUint32(to.bytes, to.length, payload.length);
  copyBytes(payload, 0, payload.length, to.bytes, at);
  to.length = at + payload.length;
}
