import type { TaskGraph } from '@spider/core';
import { SOURCE_CONSTANT, TaskState } from '@spider/core';
import { GrowingBuffer } from './growing-buffer.ts';
import { copyBytes, PayloadArena } from './payload-arena.ts';

const LENGTH_BYTES = 4;

/**
 * What a job's finished tasks returned, for as long as someone needs it: until every task that takes
 * it as an input has succeeded, or, for the job's own outputs, until they have been gathered.
 */
export class OutputStore {
  readonly #graph: TaskGraph;
  #arena = new PayloadArena();
  /** Of each task, see `readersLeft`. */
  readonly #readersLeft: Uint32Array;
  readonly #chunkOfTask: Uint32Array;
  /** Of each output slot: where its length starts, which its payload follows. */
  readonly #slotStart: Uint32Array;
  readonly #slotLength: Uint32Array;

  constructor(graph: TaskGraph) {
    const slotCount = graph.outputOffset[graph.taskCount] as number;
    this.#graph = graph;
    this.#readersLeft = countReaders(graph);
    this.#chunkOfTask = new Uint32Array(graph.taskCount);
    this.#slotStart = new Uint32Array(slotCount);
    this.#slotLength = new Uint32Array(slotCount);
  }

  /** Bytes of memory that payloads take. */
  get totalBytes(): number {
    return this.#arena.totalBytes;
  }

  /** Inputs of other tasks, and job outputs, that are still to be read from a task. */
  readersLeft(task: number): number {
    return this.#readersLeft[task] as number;
  }

  /**
   * Takes a task's outputs from a wire frame at `start` … `end`.
   *
   * @returns what is wrong with it, in which case nothing has changed, or undefined.
   */
  put(task: number, bytes: Uint8Array, start: number, end: number): string | undefined {
    const firstSlot = this.#graph.outputOffset[task] as number;
    const count = (this.#graph.outputOffset[task + 1] as number) - firstSlot;
    if (end - start < LENGTH_BYTES) return `outputs of ${end - start} bytes are not a wire frame`;
    const actualCount = readUint32(bytes, start);
    if (actualCount !== count) return `the task returned ${actualCount} outputs, not ${count}`;

    let at = start + LENGTH_BYTES;
    for (let position = 0; position < count; position++) {
      if (end - at < LENGTH_BYTES) return `the frame ends before output ${position}`;
      const length = readUint32(bytes, at);
      if (end - at - LENGTH_BYTES < length) return `the frame ends inside output ${position}`;
      // Written before all is known to be well: nobody reads a slot of an unfinished task.
      this.#slotStart[firstSlot + position] = at - start - LENGTH_BYTES;
      this.#slotLength[firstSlot + position] = length;
      at += LENGTH_BYTES + length;
    }
    if (this.#readersLeft[task] !== 0) this.#keep(task, bytes, start + LENGTH_BYTES, at);
    return undefined;
  }

  #keep(task: number, bytes: Uint8Array, start: number, end: number): void {
    const base = this.#arena.copyIn(bytes, start, end - start);
    this.#chunkOfTask[task] = this.#arena.currentChunk;
    if (base === 0) return;
    const endSlot = this.#graph.outputOffset[task + 1] as number;
    for (let slot = this.#graph.outputOffset[task] as number; slot < endSlot; slot++) {
      this.#slotStart[slot] = (this.#slotStart[slot] as number) + base;
    }
  }

  /** A task has succeeded and reads its inputs no more. */
  releaseInputsOf(task: number): void {
    const { inputOffset, sourceTask } = this.#graph;
    const end = inputOffset[task + 1] as number;
    for (let input = inputOffset[task] as number; input < end; input++) {
      const source = sourceTask[input] as number;
      if (source >= SOURCE_CONSTANT) continue;
      const left = (this.#readersLeft[source] as number) - 1;
      this.#readersLeft[source] = left;
      if (left === 0) this.#arena.release(this.#chunkOfTask[source] as number);
    }
  }

  /** A task is never going to read its inputs. Not all of them need to be there. */
  abandonInputsOf(task: number, taskState: Uint8Array): void {
    const { inputOffset, sourceTask } = this.#graph;
    const end = inputOffset[task + 1] as number;
    for (let input = inputOffset[task] as number; input < end; input++) {
      const source = sourceTask[input] as number;
      if (source >= SOURCE_CONSTANT) continue;
      const left = (this.#readersLeft[source] as number) - 1;
      this.#readersLeft[source] = left;
      if (left > 0 || taskState[source] !== TaskState.Succeeded) continue;
      this.#arena.release(this.#chunkOfTask[source] as number);
    }
  }

  /** Writes an output of a succeeded task after its length. */
  write(task: number, position: number, to: GrowingBuffer): void {
    const slot = (this.#graph.outputOffset[task] as number) + position;
    const length = LENGTH_BYTES + (this.#slotLength[slot] as number);
    const bytes = this.#arena.bytes(this.#chunkOfTask[task] as number);
    to.reserve(length);
    copyBytes(bytes, this.#slotStart[slot] as number, length, to.bytes, to.length);
    to.length += length;
  }

  /** Bytes of the job's outputs as a wire frame. Only once all tasks have succeeded. */
  get jobOutputBytes(): number {
    let size = LENGTH_BYTES;
    for (const slot of this.#graph.jobOutputSlots) {
      size += LENGTH_BYTES + (this.#slotLength[slot] as number);
    }
    return size;
  }

  /** The job's outputs as a wire frame. Only once all tasks have succeeded. */
  gatherJobOutputs(): Uint8Array {
    const { jobOutputSlots, outputOffset } = this.#graph;
    const frame = new GrowingBuffer(this.jobOutputBytes);
    frame.length = writeUint32(frame.bytes, 0, jobOutputSlots.length);
    let task = 0;
    for (const slot of jobOutputSlots) {
      task = ownerOf(outputOffset, slot, task);
      this.write(task, slot - (outputOffset[task] as number), frame);
    }
    return frame.finish();
  }

  /** Forgets all outputs; no task is going to take one any more. */
  clear(): void {
    this.#arena = new PayloadArena();
  }

  /** Live blocks by chunk, counted anew, beside what the arena says; for checks. */
  *usage(isSucceeded: (task: number) => boolean): Generator<[actual: number, counted: number]> {
    const counted = new Map<number, number>();
    for (let task = 0; task < this.#graph.taskCount; task++) {
      if (!isSucceeded(task) || this.#readersLeft[task] === 0) continue;
      const chunk = this.#chunkOfTask[task] as number;
      counted.set(chunk, (counted.get(chunk) ?? 0) + 1);
    }
    for (const [chunk, count] of counted) yield [this.#arena.liveCount(chunk), count];
  }
}

function countReaders(graph: TaskGraph): Uint32Array {
  const readers = new Uint32Array(graph.taskCount);
  const count = (task: number): void => {
    readers[task] = (readers[task] as number) + 1;
  };
  for (const source of graph.sourceTask) {
    if (source < SOURCE_CONSTANT) count(source);
  }
  let owner = 0;
  for (const slot of graph.jobOutputSlots) {
    owner = ownerOf(graph.outputOffset, slot, owner);
    count(owner);
  }
  return readers;
}

/** The task that an output slot belongs to; most often the one after that of the slot before. */
function ownerOf(outputOffset: Uint32Array, slot: number, previous: number): number {
  const next = previous + 1;
  if (slot >= (outputOffset[next] as number) && slot < (outputOffset[next + 1] ?? 0)) return next;
  let low = 0;
  let high = outputOffset.length - 1;
  while (high - low > 1) {
    const middle = (low + high) >>> 1;
    if ((outputOffset[middle] as number) <= slot) low = middle;
    else high = middle;
  }
  return low;
}

export function readUint32(bytes: Uint8Array, at: number): number {
  const high = (bytes[at + 3] as number) * 0x100_0000;
  return (
    high +
    (((bytes[at + 2] as number) << 16) | ((bytes[at + 1] as number) << 8) | (bytes[at] as number))
  );
}

export function writeUint32(bytes: Uint8Array, at: number, value: number): number {
  bytes[at] = value;
  bytes[at + 1] = value >>> 8;
  bytes[at + 2] = value >>> 16;
  bytes[at + 3] = value >>> 24;
  return at + 4;
}
