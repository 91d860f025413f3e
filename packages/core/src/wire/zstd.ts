/**
 * Zstandard, which core leaves to the platform. An implementation decompresses any number of
 * concatenated frames, passes over skippable ones, and needs no content size in their headers.
 */
export interface Zstd {
  compress(bytes: Uint8Array): Uint8Array;
  /**
   * @throws SpiderError 'invalid-argument' if the bytes are not zstd, or come to more than `maxBytes`.
   */
  decompress(bytes: Uint8Array, maxBytes: number): Uint8Array;
}
