import { writeSync } from 'node:fs';

const STDOUT = 1;

/**
 * Keeps stdout for the protocol: from now on whatever task code prints, through `console` or
 * `process.stdout`, goes to stderr.
 *
 * @returns what writes to the real stdout, all of the bytes before it returns.
 */
export function reserveStdout(): (bytes: Uint8Array) => void {
  Object.defineProperty(process, 'stdout', {
    configurable: true,
    enumerable: true,
    get: () => process.stderr,
  });
  return (bytes) => {
    let written = 0;
    while (written < bytes.length) {
      written += writeSome(bytes, written);
    }
  };
}

/** A pipe that was handed over in non-blocking mode refuses bytes while it is full. */
function writeSome(bytes: Uint8Array, from: number): number {
  try {
    return writeSync(STDOUT, bytes, from);
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'EAGAIN')) throw error;
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1);
    return 0;
  }
}
