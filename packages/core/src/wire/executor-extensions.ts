import { invalidArgument } from '../error.ts';
import type { ByteWriter } from './byte-writer.ts';
import { readUint32LE, readUint64LE } from './read-uint.ts';

/**
 * The environment variable by which an execution manager of ours says that the pipe is not at stdin and
 * stdout, where what a task starts may write to it, but at the two descriptors it names: `3,4`.
 */
export const EXECUTOR_DESCRIPTORS_ENV = 'SPIDER_EXECUTOR_DESCRIPTORS';

/**
 * The environment variable by which an execution manager of ours says how many bytes the body of a
 * message may have, if not as many as in the reference's format.
 */
export const EXECUTOR_MESSAGE_BYTES_ENV = 'SPIDER_EXECUTOR_MESSAGE_BYTES';

/**
 * What an execution manager and an executor of ours say beyond the reference's messages. An execution
 * manager invites to it by `EXECUTOR_EXTENSIONS_ENV`; an executor that understands greets before its
 * first result. Neither sends any of this before it knows that the other one does.
 *
 * Requests are numbered in the order in which they were sent to a process, from 0. Those that were
 * given back count as never sent.
 */
export type ExecutorControl =
  /** The result is not wanted any more. */
  | { readonly kind: 'cancel'; readonly request: number }
  /** What was not begun is to be forgotten, and its number be said. */
  | { readonly kind: 'give-back' };

export type ExecutorNotice =
  /** The executor understands all this. */
  | { readonly kind: 'greeting' }
  /** The last so many requests before the one to give back will not be run. */
  | { readonly kind: 'given-back'; readonly count: number };

/** The variants of requests. The reference's count from 0. */
export const ExtendedRequest = { ExecuteWithin: 16, Cancel: 17, GiveBack: 18 } as const;

const GREETING = 16;
const GIVEN_BACK = 17;

/** Appends the frame that says that a request's result is not wanted. */
export function appendCancelRequest(writer: ByteWriter, request: number): void {
  writer.appendUint32BE(12);
  writer.appendUint32LE(ExtendedRequest.Cancel);
  writer.appendUint64LE(request);
}

/** Appends the frame that asks for what was not begun. */
export function appendGiveBackRequest(writer: ByteWriter): void {
  writer.appendUint32BE(4);
  writer.appendUint32LE(ExtendedRequest.GiveBack);
}

/** Appends the frame by which an executor says that it understands more than the reference's. */
export function appendGreeting(writer: ByteWriter): void {
  writer.appendUint32BE(4);
  writer.appendUint32LE(GREETING);
}

/** Appends the frame that says how many requests were given back. */
export function appendGivenBack(writer: ByteWriter, count: number): void {
  writer.appendUint32BE(12);
  writer.appendUint32LE(GIVEN_BACK);
  writer.appendUint64LE(count);
}

/**
 * Reads what an executor says beside results. Undefined if the body is meant to be a result.
 *
 * @throws SpiderError 'invalid-argument' if it is neither.
 */
export function decodeExecutorNotice(
  bytes: Uint8Array,
  start: number,
  end: number,
): ExecutorNotice | undefined {
  const length = end - start;
  if (length < 4) return undefined;
  const variant = readUint32LE(bytes, start);
  if (variant === GREETING) return { kind: 'greeting' };
  if (variant !== GIVEN_BACK) return undefined;
  if (length < 12) throw invalidArgument('an executor message ends inside its count');
  return { kind: 'given-back', count: readUint64LE(bytes, start + 4) };
}
