import {
  CLEANUP_TASK_INDEX,
  COMMIT_TASK_INDEX,
  EMPTY_FRAME,
  encodeTaskContext,
  type JobId,
  MsgpackWriter,
  type ResourceGroupId,
  type TaskInstanceId,
} from '@spider/core';
import {
  type InstanceList,
  type InstanceLot,
  inputLengthAt,
  kindAt,
} from '../machine/instance-lot.ts';

/** The largest context of a task that has no outputs in it. */
const SMALL_CONTEXT_BYTES = 64;

/**
 * Encodes execute requests, many at a time, for one write. What requests of one lot have in common
 * is encoded once for a row of them.
 */
export class ExecuteEncoder {
  readonly #writer = new MsgpackWriter(64 * 1024);
  readonly #scratch = new MsgpackWriter(SMALL_CONTEXT_BYTES);
  #lot: InstanceLot | undefined;
  #instanceBase = 0;
  #isExtended = false;
  #contextHead: Uint8Array = EMPTY_FRAME;
  #contextTail: Uint8Array = EMPTY_FRAME;

  /**
   * The frames of the requests, in order. None may be larger than `requestLength` allows.
   *
   * @param isExtended whether they say how long each task may take.
   */
  encode(instances: InstanceList, isExtended: boolean): Uint8Array {
    const writer = this.#writer;
    this.#isExtended = isExtended;
    writer.clear();
    const { lots, positions } = instances;
    for (let i = 0; i < lots.length; i += 1) {
      const lot = lots[i] as InstanceLot;
      if (lot !== this.#lot) this.#turnTo(lot);
      this.#append(lot, positions[i] as number);
    }
    this.#lot = undefined;
    return writer.toBytes();
  }

  #turnTo(lot: InstanceLot): void {
    const scratch = this.#scratch;
    this.#lot = lot;
    this.#instanceBase = Number(lot.instanceBase);
    scratch.clear();
    scratch.writeArrayHeader(5);
    scratch.writeBigInt(lot.jobId);
    scratch.writeMapHeader(1);
    scratch.writeString('Index');
    this.#contextHead = scratch.toBytes();
    scratch.clear();
    scratch.writeBigInt(lot.resourceGroupId);
    scratch.writeNil();
    this.#contextTail = scratch.toBytes();
  }

  #append(lot: InstanceLot, position: number): void {
    const writer = this.#writer;
    const taskIndex = lot.taskIndexes[position] as number;
    const start = writer.length;
    writer.appendUint32BE(0);
    const kind = kindAt(lot, position);
    writer.append(this.#isExtended ? kind.extendedPrefix : kind.requestPrefix);
    const context = writer.length;
    writer.appendUint64LE(0);
    if (taskIndex >= CLEANUP_TASK_INDEX) {
      writer.append(terminationContext(lot, position));
    } else {
      writer.append(this.#contextHead);
      writer.writeInt(taskIndex);
      this.#appendInstanceId(lot, position);
      writer.append(this.#contextTail);
    }
    writer.setUint32LE(context, writer.length - context - 8);
    if (taskIndex >= CLEANUP_TASK_INDEX) {
      writer.appendUint64LE(EMPTY_FRAME.length);
      writer.append(EMPTY_FRAME);
    } else {
      const inputsStart = lot.inputOffsets[position] as number;
      const inputsEnd = lot.inputOffsets[position + 1] as number;
      writer.appendUint64LE(inputsEnd - inputsStart);
      writer.appendRange(lot.inputs, inputsStart, inputsEnd);
    }
    writer.setUint32BE(start, writer.length - start - 4);
  }

  #appendInstanceId(lot: InstanceLot, position: number): void {
    const id = this.#instanceBase + (lot.instanceOffsets[position] as number);
    if (id <= Number.MAX_SAFE_INTEGER) this.#writer.writeInt(id);
    else this.#writer.writeBigInt(instanceIdAt(lot, position));
  }
}

/**
 * The bytes of the body of a request, if they may be more than an executor takes; 0 if it certainly
 * takes them.
 *
 * @param messageBytes what the body of a request may have.
 */
export function requestLength(lot: InstanceLot, position: number, messageBytes: number): number {
  const { extendedPrefix } = kindAt(lot, position);
  const rest = extendedPrefix.length + 16;
  const isTermination = (lot.taskIndexes[position] as number) >= CLEANUP_TASK_INDEX;
  // In a context each byte of the outputs takes one or two.
  const most = inputLengthAt(lot, position) * (isTermination ? 2 : 1);
  if (most + rest + SMALL_CONTEXT_BYTES <= messageBytes) return 0;
  const context = isTermination ? terminationContext(lot, position).length : SMALL_CONTEXT_BYTES;
  return rest + context + (isTermination ? EMPTY_FRAME.length : inputLengthAt(lot, position));
}

/** A length that the body of no request of a lot exceeds. */
export function longestRequest(lot: InstanceLot): number {
  let prefix = 0;
  for (const kind of lot.kinds) prefix = Math.max(prefix, kind.extendedPrefix.length);
  return prefix + 16 + SMALL_CONTEXT_BYTES + lot.inputs.length * 2;
}

/** A commit task sees its job's outputs in its context; neither it nor a cleanup task has inputs. */
function terminationContext(lot: InstanceLot, position: number): Uint8Array {
  const taskIndex = lot.taskIndexes[position] as number;
  return encodeTaskContext({
    jobId: lot.jobId as JobId,
    taskIndex,
    taskInstanceId: instanceIdAt(lot, position),
    resourceGroupId: lot.resourceGroupId as ResourceGroupId,
    outputs: taskIndex === COMMIT_TASK_INDEX ? inputsAt(lot, position) : undefined,
  });
}

function instanceIdAt(lot: InstanceLot, position: number): TaskInstanceId {
  return (lot.instanceBase + BigInt(lot.instanceOffsets[position] as number)) as TaskInstanceId;
}

function inputsAt(lot: InstanceLot, position: number): Uint8Array {
  return lot.inputs.subarray(lot.inputOffsets[position], lot.inputOffsets[position + 1]);
}
