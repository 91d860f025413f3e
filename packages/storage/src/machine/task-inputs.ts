import type { TaskGraph } from '@spider/core';
import { frameBounds, invalidArgument, SOURCE_CONSTANT, SOURCE_JOB_INPUT } from '@spider/core';
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

  /** Bytes of the wire frame that `write` makes. */
  frameLength(task: number): number {
    const { inputOffset } = this.#graph;
    const end = inputOffset[task + 1] as number;
    let length = 4;
    for (let input = inputOffset[task] as number; input < end; input++) {
      length += 4 + this.#inputLength(input);
    }
    return length;
  }

  /** Writes a task's inputs as a wire frame. Answers the position behind it. */
  write(task: number, to: Uint8Array, start: number): number {
    const { inputOffset } = this.#graph;
    const first = inputOffset[task] as number;
    const end = inputOffset[task + 1] as number;
    let at = writeUint32(to, start, end - first);
    for (let input = first; input < end; input++) at = this.#writeInput(input, to, at);
    return at;
  }

  #inputLength(input: number): number {
    const source = this.#graph.sourceTask[input] as number;
    const slot = this.#graph.sourceSlot[input] as number;
    if (source < SOURCE_CONSTANT) {
      return this.#outputs.length((this.#graph.outputOffset[source] as number) + slot);
    }
    if (source === SOURCE_JOB_INPUT) {
      return (
        (this.#jobInputBounds[2 * slot + 1] as number) - (this.#jobInputBounds[2 * slot] as number)
      );
    }
    return (this.#graph.constants[slot] as Uint8Array).length;
  }

  #writeInput(input: number, to: Uint8Array, start: number): number {
    const source = this.#graph.sourceTask[input] as number;
    const slot = this.#graph.sourceSlot[input] as number;
    if (source < SOURCE_CONSTANT) {
      const outputSlot = (this.#graph.outputOffset[source] as number) + slot;
      return this.#outputs.write(source, outputSlot, to, start);
    }
    const length = this.#inputLength(input);
    const at = writeUint32(to, start, length);
    if (source === SOURCE_JOB_INPUT) {
      copyBytes(this.#jobInputs, this.#jobInputBounds[2 * slot] as number, length, to, at);
    } else {
      copyBytes(this.#graph.constants[slot] as Uint8Array, 0, length, to, at);
    }
    return at + length;
  }
}
