import { invalidArgument } from '@spider/core';

const FRAME_MAGIC = 0xfd2f_b528;
/** The low four bits are free to use. */
const SKIPPABLE_MAGIC = 0x184d_2a50;

const RLE_BLOCK = 1;
const RESERVED_BLOCK = 3;

/**
 * Cuts concatenated zstd frames apart and leaves out skippable ones, without decompressing anything:
 * RFC 8878, section 3.1.
 *
 * @throws SpiderError 'invalid-argument' if the bytes are not whole frames.
 */
export function* zstdFrames(bytes: Uint8Array): Generator<Uint8Array> {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let start = 0;
  while (start < bytes.length) {
    if (start + 4 > bytes.length) throw truncated();
    const magic = view.getUint32(start, true);
    if (magic === FRAME_MAGIC) {
      const end = frameEnd(view, start + 4);
      yield bytes.subarray(start, end);
      start = end;
    } else if ((magic & 0xffff_fff0) >>> 0 === SKIPPABLE_MAGIC) {
      if (start + 8 > bytes.length) throw truncated();
      start += 8 + view.getUint32(start + 4, true);
      if (start > bytes.length) throw truncated();
    } else {
      throw invalidArgument(`zstd: no frame starts at byte ${start}`);
    }
  }
}

function frameEnd(view: DataView, afterMagic: number): number {
  if (afterMagic >= view.byteLength) throw truncated();
  const descriptor = view.getUint8(afterMagic);
  const isSingleSegment = (descriptor & 0x20) !== 0;
  const hasChecksum = (descriptor & 0x04) !== 0;
  const dictionaryIdBytes = [0, 1, 2, 4][descriptor & 0x03] ?? 0;
  const contentSizeBytes = [isSingleSegment ? 1 : 0, 2, 4, 8][descriptor >>> 6] ?? 0;
  let at = afterMagic + 1 + (isSingleSegment ? 0 : 1) + dictionaryIdBytes + contentSizeBytes;
  for (let isLast = false; !isLast;) {
    if (at + 3 > view.byteLength) throw truncated();
    const header = view.getUint16(at, true) | (view.getUint8(at + 2) << 16);
    const type = (header >>> 1) & 0x03;
    if (type === RESERVED_BLOCK) throw invalidArgument(`zstd: bad block at byte ${at}`);
    at += 3 + (type === RLE_BLOCK ? 1 : header >>> 3);
    isLast = (header & 1) !== 0;
  }
  const end = at + (hasChecksum ? 4 : 0);
  if (end > view.byteLength) throw truncated();
  return end;
}

const truncated = (): Error => invalidArgument('zstd: the data ends within a frame');
