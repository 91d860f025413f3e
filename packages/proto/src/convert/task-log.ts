import { invalidArgument, LIMITS } from '@spider/core';

import type { TaskLogPiece, TaskLogQuery } from '../gen/spider/v1/worker_pb.ts';

const NUMBER_MAX = BigInt(Number.MAX_SAFE_INTEGER);

/** @throws SpiderError 'invalid-argument' that names the field and the limit. */
export function checkTaskLogQuery({ offset }: TaskLogQuery): void {
  checkNumber(offset, 'log_reads.query.offset');
}

/** @throws SpiderError 'invalid-argument' that names the field and the limit. */
export function checkTaskLogPiece({ lines, nextOffset, error }: TaskLogPiece): void {
  const { taskLogPieceLines, taskLogPieceBytes, endReasonBytes } = LIMITS;
  if (lines.length > taskLogPieceLines) {
    throw invalidArgument(`log_pieces.lines: ${lines.length} are more than ${taskLogPieceLines}`);
  }
  let characters = 0;
  for (const { text, timeMs } of lines) {
    characters += text.length;
    checkNumber(timeMs, 'log_pieces.lines.time_ms');
  }
  // No text has fewer bytes than characters.
  if (characters > taskLogPieceBytes) {
    throw invalidArgument(
      `log_pieces.lines: ${characters} characters are more than ${taskLogPieceBytes} bytes`,
    );
  }
  if (error.length > endReasonBytes) {
    throw invalidArgument(
      `log_pieces.error: ${error.length} characters are more than ${endReasonBytes} bytes`,
    );
  }
  checkNumber(nextOffset, 'log_pieces.next_offset');
}

function checkNumber(value: bigint, field: string): void {
  if (value > NUMBER_MAX) throw invalidArgument(`${field}: ${value} is beyond 2^53`);
}
