import { invalidArgument, SpiderError } from '../error.ts';
import { LIMITS } from '../limits.ts';
import type { ByteWriter } from './byte-writer.ts';
import { type ExecutorControl, ExtendedRequest } from './executor-extensions.ts';
import { readUint32LE, readUint64LE } from './read-uint.ts';

/**
 * The messages between an execution manager and its executor, over the executor's stdin and stdout.
 * Each is a frame: the length of its body, 4 bytes big-endian, then the body, at most 8 MiB. In a body
 * numbers are little-endian; a variant takes 4 bytes; bytes and text follow their length in 8 bytes.
 */
export type ExecutorRequest =
  | {
      readonly kind: 'execute';
      readonly packageName: string;
      readonly functionName: string;
      /** An encoded task context. */
      readonly context: Uint8Array;
      /** The wire frame of the inputs. */
      readonly inputs: Uint8Array;
      /** After how long the task will be stopped. Ours; undefined if it is not said. */
      readonly hardTimeoutMs: number | undefined;
    }
  | { readonly kind: 'shutdown' }
  | ExecutorControl;

export interface ExecutorResult {
  readonly outcome: ExecutorOutcome;
  /** Succeeded: the wire frame of the outputs. Otherwise: an encoded executor error. */
  readonly payload: Uint8Array;
  readonly elapsedUs: number;
}

export const ExecutorOutcome = {
  Succeeded: 0,
  Failed: 1,
  /** As Failed, and trying again is pointless. Ours: sent only where `EXECUTOR_EXTENSIONS_ENV` is 1. */
  FailedForGood: 2,
  /** Never begun, because it was cancelled before; there is no payload. Ours, as FailedForGood. */
  Cancelled: 3,
} as const;

export type ExecutorOutcome = (typeof ExecutorOutcome)[keyof typeof ExecutorOutcome];

/**
 * The environment variable by which an execution manager of ours says that it understands more than
 * the reference's format. Unset, an executor sends nothing that the reference would not.
 */
export const EXECUTOR_EXTENSIONS_ENV = 'SPIDER_EXECUTOR_EXTENSIONS';

const EXECUTE = 0;
const SHUTDOWN = 1;
const RESULT = 0;

const encoder = new TextEncoder();
const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/**
 * The part of execute requests that is the same for all tasks of a kind, to be made once.
 *
 * @param hardTimeoutMs is said only to an executor that has greeted; see `executor-extensions.ts`.
 */
export function encodeExecutePrefix(
  packageName: string,
  functionName: string,
  hardTimeoutMs?: number,
): Uint8Array {
  const names = [encoder.encode(packageName), encoder.encode(functionName)];
  const head = hardTimeoutMs === undefined ? 4 : 12;
  const prefix = new Uint8Array(names.reduce((size, name) => size + 8 + name.length, head));
  const view = new DataView(prefix.buffer);
  view.setUint32(0, hardTimeoutMs === undefined ? EXECUTE : ExtendedRequest.ExecuteWithin, true);
  if (hardTimeoutMs !== undefined) view.setBigUint64(4, BigInt(hardTimeoutMs), true);
  let position = head;
  for (const name of names) {
    view.setUint32(position, name.length, true);
    prefix.set(name, position + 8);
    position += 8 + name.length;
  }
  return prefix;
}

/**
 * Appends the frame that asks for a task to be run.
 *
 * @throws SpiderError 'resource-exhausted' if its body exceeds `LIMITS.executorFrameBytes`.
 */
export function appendExecuteRequest(
  writer: ByteWriter,
  prefix: Uint8Array,
  context: Uint8Array,
  inputs: Uint8Array,
): void {
  writer.appendUint32BE(
    checkBodyLength(
      prefix.length + 16 + context.length + inputs.length,
      'request',
      LIMITS.executorFrameBytes,
    ),
  );
  writer.append(prefix);
  writer.appendUint64LE(context.length);
  writer.append(context);
  writer.appendUint64LE(inputs.length);
  writer.append(inputs);
}

/** Appends the frame that asks the executor to end. */
export function appendShutdownRequest(writer: ByteWriter): void {
  writer.append(encodeShutdownRequest());
}

/** The frame that asks the executor to end. */
export function encodeShutdownRequest(): Uint8Array {
  return Uint8Array.of(0, 0, 0, 4, SHUTDOWN, 0, 0, 0);
}

/**
 * Appends the frame that answers an execute request.
 *
 * @param bodyBytesMax what its body may have; default: `LIMITS.executorFrameBytes`.
 * @throws SpiderError 'resource-exhausted' if it has more.
 */
export function appendResult(
  writer: ByteWriter,
  outcome: ExecutorOutcome,
  payload: Uint8Array,
  elapsedUs: number,
  bodyBytesMax: number = LIMITS.executorFrameBytes,
): void {
  writer.appendUint32BE(checkBodyLength(24 + payload.length, 'result', bodyBytesMax));
  writer.appendUint32LE(RESULT);
  writer.appendUint32LE(outcome);
  writer.appendUint64LE(payload.length);
  writer.append(payload);
  writer.appendUint64LE(elapsedUs);
}

/**
 * Reads the body of a request. Context and inputs are views of `bytes`.
 *
 * @throws SpiderError 'invalid-argument' if it is none.
 */
export function decodeExecutorRequest(
  bytes: Uint8Array,
  start = 0,
  end: number = bytes.length,
): ExecutorRequest {
  const body = new BodyReader(bytes, start, end);
  const variant = body.uint32('variant');
  if (variant === SHUTDOWN) return { kind: 'shutdown' };
  if (variant === ExtendedRequest.Cancel)
    return { kind: 'cancel', request: body.uint64('request number') };
  if (variant === ExtendedRequest.GiveBack) return { kind: 'give-back' };
  if (variant !== EXECUTE && variant !== ExtendedRequest.ExecuteWithin) {
    throw invalidArgument(`unknown executor request ${variant}`);
  }
  return {
    kind: 'execute',
    hardTimeoutMs: variant === EXECUTE ? undefined : body.uint64('hard timeout'),
    packageName: body.text('package name', packageNames),
    functionName: body.text('function name', functionNames),
    context: body.bytes('context'),
    inputs: body.bytes('inputs'),
  };
}

/**
 * Reads the body of a result. The payload is a view of `bytes`.
 *
 * @throws SpiderError 'invalid-argument' if it is none.
 */
export function decodeExecutorResult(
  bytes: Uint8Array,
  start = 0,
  end: number = bytes.length,
): ExecutorResult {
  const result = new ExecutorResultReader();
  result.read(bytes, start, end);
  const { outcome, payloadStart, payloadEnd, elapsedUs } = result;
  return { outcome, payload: bytes.subarray(payloadStart, payloadEnd), elapsedUs };
}

const RESULT_HEAD_BYTES = 16;
const RESULT_TAIL_BYTES = 8;

/** Reads the bodies of many results, one at a time, and makes nothing anew for each. */
export class ExecutorResultReader {
  outcome: ExecutorOutcome = ExecutorOutcome.Succeeded;
  /** Where in the bytes that were read the payload lies. */
  payloadStart = 0;
  payloadEnd = 0;
  elapsedUs = 0;

  /** @throws SpiderError 'invalid-argument' if it is no body of a result. */
  read(bytes: Uint8Array, start: number, end: number): void {
    const length = end - start;
    if (length < 4) throw endsEarly('variant');
    const variant = readUint32LE(bytes, start);
    if (variant !== RESULT) throw invalidArgument(`unknown executor response ${variant}`);
    if (length < 8) throw endsEarly('outcome');
    const outcome = readUint32LE(bytes, start + 4);
    if (outcome !== 0 && outcome !== 1 && outcome !== 2 && outcome !== 3) {
      throw invalidArgument(`unknown outcome ${outcome} in an executor result`);
    }
    const payloadLength = length < RESULT_HEAD_BYTES ? Infinity : readUint64LE(bytes, start + 8);
    if (payloadLength > length - RESULT_HEAD_BYTES) throw endsEarly('payload');
    this.outcome = outcome;
    this.payloadStart = start + RESULT_HEAD_BYTES;
    this.payloadEnd = this.payloadStart + payloadLength;
    if (end - this.payloadEnd < RESULT_TAIL_BYTES) throw endsEarly('elapsed time');
    this.elapsedUs = readUint64LE(bytes, this.payloadEnd);
  }
}

/** Decodes text that is mostly the same as the time before. */
class RecentText {
  #bytes: Uint8Array = new Uint8Array(0);
  #text = '';

  decode(bytes: Uint8Array, start: number, end: number): string {
    if (this.#isSame(bytes, start, end)) return this.#text;
    const copy = new Uint8Array(bytes.subarray(start, end));
    this.#text = decoder.decode(copy);
    this.#bytes = copy;
    return this.#text;
  }

  #isSame(bytes: Uint8Array, start: number, end: number): boolean {
    const same = this.#bytes;
    if (end - start !== same.length) return false;
    for (let i = 0; i < same.length; i++) {
      if (bytes[start + i] !== same[i]) return false;
    }
    return true;
  }
}

const packageNames = new RecentText();
const functionNames = new RecentText();

/** Reads the fields of a body one after another. */
class BodyReader {
  readonly #bytes: Uint8Array;
  readonly #end: number;
  #position: number;

  constructor(bytes: Uint8Array, start: number, end: number) {
    this.#bytes = bytes;
    this.#position = start;
    this.#end = end;
  }

  uint32(field: string): number {
    return readUint32LE(this.#bytes, this.#take(4, field));
  }

  uint64(field: string): number {
    return readUint64LE(this.#bytes, this.#take(8, field));
  }

  bytes(field: string): Uint8Array {
    const start = this.#take(this.uint64(field), field);
    return this.#bytes.subarray(start, this.#position);
  }

  text(field: string, recent: RecentText): string {
    const start = this.#take(this.uint64(field), field);
    try {
      return recent.decode(this.#bytes, start, this.#position);
    } catch {
      throw invalidArgument(`the ${field} of an executor message is not UTF-8`);
    }
  }

  /** Moves over `count` bytes and answers where they start. */
  #take(count: number, field: string): number {
    const start = this.#position;
    if (count > this.#end - start) {
      throw endsEarly(field);
    }
    this.#position = start + count;
    return start;
  }
}

const endsEarly = (field: string): SpiderError =>
  invalidArgument(`an executor message ends inside its ${field}`);

function checkBodyLength(length: number, what: string, max: number): number {
  if (length <= max) return length;
  throw new SpiderError(
    'resource-exhausted',
    `the executor ${what} has ${length} bytes, more than the ${max} ` +
      'that one message to or from an executor may have',
  );
}
