import type { TaskGraph } from '@spider/core';
import { GrowingBuffer } from './growing-buffer.ts';
import { ownerOf, writeUint32 } from './output-store.ts';
import type { OutputStore } from './output-store.ts';
import { Recall } from './recall.ts';

/** Puts a job's outputs together of which a part has to be read back first. */
export class JobOutputGathering {
  readonly #graph: TaskGraph;
  readonly #outputs: OutputStore;
  readonly #frame: GrowingBuffer;
  /** Of each job output: whether it is in the frame. */
  readonly #isGathered: Uint8Array;

  constructor(graph: TaskGraph, outputs: OutputStore) {
    this.#graph = graph;
    this.#outputs = outputs;
    this.#isGathered = new Uint8Array(graph.jobOutputSlots.length);
    this.#frame = new GrowingBuffer(outputs.jobOutputBytes);
  }

  /** Takes what is in memory, which is released. Answers the wire frame when nothing is missing. */
  gather(): Uint8Array | undefined {
    const { jobOutputSlots, outputOffset } = this.#graph;
    const frame = this.#frame;
    let at = writeUint32(frame.bytes, 0, jobOutputSlots.length);
    let missing = 0;
    this.#visit((task, slot, output) => {
      const end = at + this.#outputs.outputBytes(slot);
      if (this.#isGathered[output] === 0) {
        if (this.#outputs.isInMemory(task)) {
          frame.length = at;
          this.#outputs.write(task, slot - (outputOffset[task] as number), frame);
          this.#isGathered[output] = 1;
          this.#outputs.release(task);
        } else missing += 1;
      }
      at = end;
    });
    frame.length = at;
    return missing === 0 ? frame.finish() : undefined;
  }

  /** What to read back next. */
  recallNext(number: number): Recall {
    const recall = new Recall(number, this.#outputs);
    this.#visit((task, _slot, output) => {
      if (this.#isGathered[output] === 0 && !recall.isFull) recall.add(task);
    });
    return recall;
  }

  #visit(visitor: (task: number, slot: number, output: number) => void): void {
    const { jobOutputSlots, outputOffset } = this.#graph;
    let task = 0;
    jobOutputSlots.forEach((slot, output) => {
      task = ownerOf(outputOffset, slot, task);
      visitor(task, slot, output);
    });
  }
}
