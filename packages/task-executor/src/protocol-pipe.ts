import { writeSync } from 'node:fs';
import { Socket } from 'node:net';
import type { Readable } from 'node:stream';
import { EXECUTOR_DESCRIPTORS_ENV } from '@spider/core';

const STDOUT = 1;

export interface ProtocolPipe {
  /** What the execution manager says. */
  readonly input: Readable;
  /** Says something to the execution manager, all of the bytes before it returns. */
  readonly write: (bytes: Uint8Array) => void;
}

/**
 * Opens the pipe to the execution manager: at the descriptors that it names, of which nothing that a
 * task starts knows, or else at stdin and stdout.
 */
export function openProtocolPipe(): ProtocolPipe {
  const named = /^(\d+),(\d+)$/.exec(process.env[EXECUTOR_DESCRIPTORS_ENV] ?? '');
  if (named === null) return { input: process.stdin, write: writerTo(STDOUT) };
  // Another executor that a task starts has them not.
  delete process.env[EXECUTOR_DESCRIPTORS_ENV];
  const input = new Socket({ fd: Number(named[1]), readable: true, writable: false });
  return { input, write: writerTo(Number(named[2])) };
}

/** Writes bytes to a descriptor, all of them before it returns. */
export function writerTo(descriptor: number): (bytes: Uint8Array) => void {
  return (bytes) => {
    let written = 0;
    while (written < bytes.length) written += writeSome(descriptor, bytes, written);
  };
}

/** A pipe that was handed over in non-blocking mode refuses bytes while it is full. */
function writeSome(descriptor: number, bytes: Uint8Array, from: number): number {
  try {
    return writeSync(descriptor, bytes, from);
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'EAGAIN')) throw error;
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1);
    return 0;
  }
}
