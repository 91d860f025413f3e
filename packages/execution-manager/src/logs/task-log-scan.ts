import { open } from 'node:fs/promises';
import { LIMITS } from '@spider/core';
import { parseLogLine } from './read-task-log.ts';

/** What is read of a file at once. */
const CHUNK_BYTES = 256 * 1024;
const COMMA = 0x2c;
const NEWLINE = 0x0a;
/** What follows the time in a line that belongs to no task. */
const REMARK = Buffer.from(',"text":');

export interface ScannedLine {
  readonly timeMs: number;
  readonly text: string;
  /** It belongs to no task, and says what is missing. */
  readonly isRemark: boolean;
  readonly isStderr: boolean;
}

export interface ScannedPiece {
  readonly lines: readonly ScannedLine[];
  /** Where to go on. */
  readonly nextOffset: number;
  /** There is no further line just now. */
  readonly isAtEnd: boolean;
}

/**
 * Reads the next lines of one instance in the log of its job, as many as go into one piece, with the
 * remarks that belong to nobody. A log that was deleted and begun anew is read from its beginning.
 */
export async function scanTaskLog(
  path: string,
  taskIndex: number,
  taskInstanceId: string,
  offset: number,
): Promise<ScannedPiece> {
  const mine = Buffer.from(`,"task":${taskIndex},"instance":"${taskInstanceId}",`);
  const lines: ScannedLine[] = [];
  let bytes = 0;
  let nextOffset = offset;
  let isFull = false;
  await eachLine(path, offset, (line, end) => {
    const isMine = hasAt(line, mine);
    const found = isMine || hasAt(line, REMARK) ? parseLogLine(line.toString()) : undefined;
    if (found !== undefined) {
      const text = cut(found.text);
      const size = Buffer.byteLength(text);
      isFull = lines.length > 0 && bytes + size > LIMITS.taskLogPieceBytes;
      if (isFull) return false;
      const { timeMs, isStderr } = found;
      lines.push({ timeMs, text, isRemark: !isMine, isStderr });
      bytes += size;
    }
    nextOffset = end;
    isFull = lines.length >= LIMITS.taskLogPieceLines;
    return !isFull;
  });
  return { lines, nextOffset, isAtEnd: !isFull };
}

/** The newest instance of a task that has a line in the log of its job; undefined if none has. */
export async function newestInstance(path: string, taskIndex: number): Promise<bigint | undefined> {
  const ofTask = Buffer.from(`,"task":${taskIndex},`);
  let newest: bigint | undefined;
  await eachLine(path, 0, (line) => {
    const found = hasAt(line, ofTask) ? parseLogLine(line.toString()) : undefined;
    if (found?.taskInstanceId !== undefined) {
      const instance = BigInt(found.taskInstanceId);
      if (newest === undefined || instance > newest) newest = instance;
    }
    return true;
  });
  return newest;
}

/** Whether an instance of a task has a line in the log of its job. */
export async function hasInstance(
  path: string,
  taskIndex: number,
  taskInstanceId: string,
): Promise<boolean> {
  const mine = Buffer.from(`,"task":${taskIndex},"instance":"${taskInstanceId}",`);
  let isThere = false;
  await eachLine(path, 0, (line) => {
    isThere = hasAt(line, mine);
    return !isThere;
  });
  return isThere;
}

/** Whether the bytes follow the time, which every line begins with. */
function hasAt(line: Buffer, bytes: Buffer): boolean {
  const start = line.indexOf(COMMA);
  return start >= 0 && line.subarray(start, start + bytes.length).equals(bytes);
}

/**
 * Gives the whole lines of a file from an offset on, each with the offset behind it, until `take`
 * answers false. None if there is no such file.
 */
async function eachLine(
  path: string,
  offset: number,
  take: (line: Buffer, end: number) => boolean,
): Promise<void> {
  const file = await open(path, 'r').catch((error: unknown) => {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
    throw error;
  });
  if (file === undefined) return;
  try {
    const { size } = await file.stat();
    let lineStart = offset > size ? 0 : offset;
    let position = lineStart;
    let kept: Buffer = Buffer.alloc(0);
    for (;;) {
      const chunk = Buffer.allocUnsafe(CHUNK_BYTES);
      const { bytesRead } = await file.read(chunk, 0, CHUNK_BYTES, position);
      if (bytesRead === 0) return;
      position += bytesRead;
      const read = chunk.subarray(0, bytesRead);
      const bytes = kept.length === 0 ? read : Buffer.concat([kept, read]);
      let start = 0;
      for (let end = bytes.indexOf(NEWLINE); end >= 0; end = bytes.indexOf(NEWLINE, start)) {
        lineStart += end + 1 - start;
        if (!take(bytes.subarray(start, end), lineStart)) return;
        start = end + 1;
      }
      kept = bytes.subarray(start);
    }
  } finally {
    await file.close();
  }
}

/** A single line may be longer than a piece. */
function cut(text: string): string {
  if (text.length * 3 <= LIMITS.taskLogPieceBytes) return text;
  const bytes = Buffer.from(text);
  if (bytes.length <= LIMITS.taskLogPieceBytes) return text;
  const room = LIMITS.taskLogPieceBytes - 64;
  return `${bytes.toString('utf8', 0, room)} […${bytes.length - room} bytes cut]`;
}
