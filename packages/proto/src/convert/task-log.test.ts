import { create } from '@bufbuild/protobuf';
import { LIMITS } from '@spider/core';
import { expect, it } from 'vitest';

import {
  ExchangeRequestSchema,
  ExchangeResponseSchema,
  type TaskLogPiece,
} from '../gen/spider/v1/worker_pb.ts';
import { checkExchangeRequest, checkExchangeResponse } from './batch.ts';

const check = (piece: Partial<Omit<TaskLogPiece, '$typeName' | 'lines'>> & { lines?: object[] }) =>
  checkExchangeRequest(create(ExchangeRequestSchema, { logPieces: [{ read: 1, ...piece }] }));

it('a piece of a task log has lines within its bounds', () => {
  const lines = Array.from({ length: LIMITS.taskLogPieceLines }, () => ({ text: 'x', timeMs: 1n }));
  expect(() => check({ lines })).not.toThrow();
});

it.each([
  ['lines: 1025 are more than 1024', { lines: Array.from({ length: 1025 }, () => ({})) }],
  [
    'lines: 1048577 characters are more than 1048576 bytes',
    { lines: [{ text: 'x'.repeat(1048576) }, { text: 'x' }] },
  ],
  ['lines.time_ms: 18446744073709551615 is beyond 2^53', { lines: [{ timeMs: 2n ** 64n - 1n }] }],
  ['next_offset: 9007199254740992 is beyond 2^53', { nextOffset: 2n ** 53n }],
  ['error: 1025 characters are more than 1024 bytes', { error: 'x'.repeat(1025) }],
])('a piece is refused because of log_pieces.%s', (message, piece) => {
  expect(() => check(piece)).toThrow(`log_pieces.${message}`);
});

it('a query begins where a file can', () => {
  const logReads = [{ read: 1, query: { offset: 2n ** 53n } }];
  expect(() => checkExchangeResponse(create(ExchangeResponseSchema, { logReads }))).toThrow(
    'log_reads.query.offset: 9007199254740992 is beyond 2^53',
  );
});
