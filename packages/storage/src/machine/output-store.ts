import type { TaskGraph } from '@spider/core';
import { SOURCE_CONSTANT, TaskState } from '@spider/core';
import { GrowingBuffer } from './growing-buffer.ts';
import { copyBytes, PayloadArena } from './payload-arena.ts';
import type { Chunk } from './payload-arena.ts';
import { RecalledBlocks } from './recalled-blocks.ts';

const LENGTH_BYTES = 4;

/**
 * What a job's finished tasks returned, for as long as someone needs it: until every task that takes
 * it as an input has succeeded, or, for the job's own outputs, until they have been gathered.
 */
export class OutputStore {
  readonly #graph: TaskGraph;
  #arena = new PayloadArena();
  #recalled = new RecalledBlocks();
  /** Of each task, see `readersLeft`. */
  readonly #readersLeft: Uint32Array;
  readonly #chunkOfTask: Uint32Array;
  /** Of each output slot: where its length starts, which its payload follows. */
  readonly #slotStart: Uint32Array;
  readonly #slotLength: Uint32Array;

  /** The number of the record of the journal that has what is put next. */
  record = 0;

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
    return this.#arena.totalBytes + this.#recalled.totalBytes;
  }

  /** Whether outputs of some task are in the journal alone. */
  get hasEvicted(): boolean {
    return this.#arena.hasEvicted;
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
    const base = this.#arena.copyIn(bytes, start, end - start, this.record);
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
      if (source < SOURCE_CONSTANT) this.release(source);
    }
  }

  /** A task is never going to read its inputs. Not all of them need to be there. */
  abandonInputsOf(task: number, taskState: Uint8Array): void {
    const { inputOffset, sourceTask } = this.#graph;
    const end = inputOffset[task + 1] as number;
    for (let input = inputOffset[task] as number; input < end; input++) {
      const source = sourceTask[input] as number;
      if (source >= SOURCE_CONSTANT) continue;
      if (taskState[source] === TaskState.Succeeded) this.release(source);
      else this.#readersLeft[source] = (this.#readersLeft[source] as number) - 1;
    }
  }

  /** One of those who read a task's outputs does so no more. */
  release(task: number): void {
    const left = (this.#readersLeft[task] as number) - 1;
    this.#readersLeft[task] = left;
    if (left > 0) return;
    this.#arena.release(this.#chunkOfTask[task] as number);
    if (this.#recalled.totalBytes > 0) this.#recalled.delete(task);
  }

  /** Writes an output of a succeeded task after its length. Only if it is in memory. */
  write(task: number, position: number, to: GrowingBuffer): void {
    const firstSlot = this.#graph.outputOffset[task] as number;
    const slot = firstSlot + position;
    const length = LENGTH_BYTES + (this.#slotLength[slot] as number);
    let start = this.#slotStart[slot] as number;
    let bytes = this.#arena.bytes(this.#chunkOfTask[task] as number);
    if (bytes === undefined) {
      bytes = this.#recalled.get(task) as Uint8Array;
      start -= this.#slotStart[firstSlot] as number;
    }
    to.reserve(length);
    copyBytes(bytes, start, length, to.bytes, to.length);
    to.length += length;
  }

  /** Bytes of the job's outputs as a wire frame. Only once all tasks have succeeded. */
  get jobOutputBytes(): number {
    let size = LENGTH_BYTES;
    for (const slot of this.#graph.jobOutputSlots) size += this.outputBytes(slot);
    return size;
  }

  /** Whether the outputs of a succeeded task that somebody is to read are in memory. */
  isInMemory(task: number): boolean {
    return this.chunkOf(task).bytes !== undefined || this.#recalled.has(task);
  }

  /** The chunk with the outputs of a succeeded task that somebody is to read. */
  chunkOf(task: number): Chunk {
    return this.#arena.chunk(this.#chunkOfTask[task] as number) as Chunk;
  }

  /** Bytes of a succeeded task's outputs with their lengths. */
  blockBytes(task: number): number {
    const firstSlot = this.#graph.outputOffset[task] as number;
    const lastSlot = (this.#graph.outputOffset[task + 1] as number) - 1;
    const start = this.#slotStart[firstSlot] as number;
    return (this.#slotStart[lastSlot] as number) + this.outputBytes(lastSlot) - start;
  }

  /** Bytes of an output of a succeeded task with its length. */
  outputBytes(slot: number): number {
    return LENGTH_BYTES + (this.#slotLength[slot] as number);
  }

  /** The journal is durable up to this record and this row, and the row ends with a record. */
  journaled(record: number, row: number): void {
    this.#arena.journaled(record, row);
  }

  /**
   * Frees memory of what the journal has, as many bytes if it can.
   *
   * @param record the number of the last record.
   * @param isNeeded tasks whose outputs were read back for someone who is still to come.
   * @param mayGo chunks that nobody is about to need.
   */
  evict(
    bytes: number,
    record: number,
    isNeeded: (task: number) => boolean,
    mayGo: (chunk: Chunk) => boolean,
  ): void {
    const before = this.#recalled.totalBytes;
    this.#recalled.keep(isNeeded);
    const left = bytes - (before - this.#recalled.totalBytes);
    if (left > 0) this.#arena.evict(left, record, mayGo);
  }

  /**
   * Takes what a task returned, as a wire frame, back from the journal. Answers false if that is not
   * what it returned.
   */
  recall(task: number, bytes: Uint8Array, start: number, end: number): boolean {
    if (end - start !== LENGTH_BYTES + this.blockBytes(task)) return false;
    this.#recalled.add(task, bytes.slice(start + LENGTH_BYTES, end));
    return true;
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
    this.#recalled = new RecalledBlocks();
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
export function ownerOf(outputOffset: Uint32Array, slot: number, previous: number): number {
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
