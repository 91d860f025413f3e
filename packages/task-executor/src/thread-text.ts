import type { MessagePort } from 'node:worker_threads';
import { type ExecutorThreadMessage, THREAD_TEXT_BYTES_MAX } from '@spider/core';

/** So much is posted at once. */
const PIECE_BYTES = 64 * 1024;

/**
 * Posts text to whoever takes it, and waits as long as there is too much of it, as a pipe that is full
 * lets its writer wait.
 *
 * @param untakenText see `ExecutorThreadData`.
 */
export function textPoster(
  port: MessagePort,
  untakenText: Int32Array<SharedArrayBuffer>,
): (bytes: Uint8Array) => void {
  return (bytes) => {
    for (let start = 0; start < bytes.length; start += PIECE_BYTES) {
      const text = new Uint8Array(bytes.subarray(start, start + PIECE_BYTES));
      waitForRoom(untakenText);
      Atomics.add(untakenText, 0, text.length);
      port.postMessage({ text } satisfies ExecutorThreadMessage);
    }
  };
}

function waitForRoom(untakenText: Int32Array<SharedArrayBuffer>): void {
  for (;;) {
    const untaken = Atomics.load(untakenText, 0);
    if (untaken <= THREAD_TEXT_BYTES_MAX) return;
    Atomics.wait(untakenText, 0, untaken);
  }
}
