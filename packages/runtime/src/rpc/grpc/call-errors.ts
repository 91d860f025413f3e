import { constants } from 'node:http2';

import { Code, ConnectError } from '@connectrpc/connect';
import { SpiderError } from '@spider/core';
import { toConnectError } from '@spider/proto';

/** What HTTP/2 says with the code that it ends a stream with. */
const RESET_CODES: Readonly<Record<number, Code>> = {
  [constants.NGHTTP2_PROTOCOL_ERROR]: Code.Internal,
  [constants.NGHTTP2_INTERNAL_ERROR]: Code.Internal,
  [constants.NGHTTP2_FLOW_CONTROL_ERROR]: Code.Internal,
  [constants.NGHTTP2_SETTINGS_TIMEOUT]: Code.Internal,
  [constants.NGHTTP2_FRAME_SIZE_ERROR]: Code.Internal,
  [constants.NGHTTP2_COMPRESSION_ERROR]: Code.Internal,
  [constants.NGHTTP2_CONNECT_ERROR]: Code.Internal,
  [constants.NGHTTP2_REFUSED_STREAM]: Code.Unavailable,
  [constants.NGHTTP2_CANCEL]: Code.Canceled,
  [constants.NGHTTP2_ENHANCE_YOUR_CALM]: Code.ResourceExhausted,
  [constants.NGHTTP2_INADEQUATE_SECURITY]: Code.PermissionDenied,
  [constants.NGHTTP2_HTTP_1_1_REQUIRED]: Code.PermissionDenied,
};

/** Codes of Node for a stream whose connection has just gone. */
const GONE_CODES: ReadonlySet<unknown> = new Set([
  'ERR_STREAM_DESTROYED',
  'ERR_STREAM_WRITE_AFTER_END',
  'ERR_HTTP2_INVALID_STREAM',
  'ECONNRESET',
]);

/** Why a stream was reset; undefined if it has come to its end. */
export function resetError(resetCode: number | undefined): ConnectError | undefined {
  const code = resetCode === undefined ? undefined : RESET_CODES[resetCode];
  if (code === undefined) return undefined;
  return new ConnectError(`http/2 stream closed with error code ${resetCode}`, code);
}

/** What Node has made of a stream that broke. */
export function streamError(error: unknown): ConnectError {
  if (error instanceof ConnectError || error instanceof SpiderError) return toConnectError(error);
  const isGone = error instanceof Error && 'code' in error && GONE_CODES.has(error.code);
  const failure = ConnectError.from(error, isGone ? Code.Aborted : Code.Internal);
  failure.cause = error;
  return failure;
}

/** Why a call was given up; what has no code of its own is 'cancelled'. */
export function abortError(reason: unknown): ConnectError {
  const failure = ConnectError.from(reason, Code.Canceled);
  if (failure !== reason) failure.cause = reason;
  return failure;
}
