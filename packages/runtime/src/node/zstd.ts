import { zstdCompressSync, zstdDecompressSync } from 'node:zlib';

import { invalidArgument, LIMITS, SpiderError, type Zstd } from '@spider/core';

import { zstdFrames } from './zstd-frames.ts';

/** Zstandard as the platform has it, at its default level. */
export const nodeZstd: Zstd = {
  compress: (bytes) => zstdCompressSync(bytes),

  decompress(bytes, maxBytes) {
    const parts: Uint8Array[] = [];
    let leftBytes = maxBytes;
    // The platform's decoder stops after the first frame and says nothing of the rest.
    for (const frame of zstdFrames(bytes)) {
      if (parts.length === LIMITS.zstdFrames) {
        throw invalidArgument(`zstd: there are more than ${LIMITS.zstdFrames} frames`);
      }
      const part = decompressFrame(frame, leftBytes, maxBytes);
      leftBytes -= part.length;
      parts.push(part);
    }
    return parts.length === 1 && parts[0] !== undefined ? parts[0] : Buffer.concat(parts);
  },
};

function decompressFrame(frame: Uint8Array, leftBytes: number, maxBytes: number): Uint8Array {
  try {
    // The platform doesn't take 0 for a limit.
    const part = zstdDecompressSync(frame, { maxOutputLength: Math.max(leftBytes, 1) });
    if (part.length <= leftBytes) return part;
  } catch (cause) {
    if (!isTooLarge(cause)) {
      const reason = cause instanceof Error ? cause.message : String(cause);
      throw new SpiderError('invalid-argument', `zstd: ${reason}`, { cause });
    }
  }
  throw invalidArgument(`zstd: decompresses to more than ${maxBytes} bytes`);
}

const isTooLarge = (error: unknown): boolean =>
  error instanceof RangeError && 'code' in error && error.code === 'ERR_BUFFER_TOO_LARGE';
