import { SpiderError } from '../../error.ts';
import type { Zstd } from '../zstd.ts';

/** Bytes of some kind, and what reads them. */
export interface Sample {
  readonly what: string;
  readonly bytes: Uint8Array;
  readonly decode: (bytes: Uint8Array) => unknown;
}

/** The error by which input is refused; undefined if it is valid. Any other error is passed on. */
export function refusalOf(decode: () => unknown): SpiderError | undefined {
  try {
    decode();
    return undefined;
  } catch (error) {
    if (error instanceof SpiderError && error.code === 'invalid-argument') return error;
    throw error;
  }
}

/** For input that is not compressed. */
export const noZstd: Zstd = {
  compress: (plain) => plain,
  decompress: () => {
    throw new SpiderError('invalid-argument', 'it is not compressed');
  },
};
