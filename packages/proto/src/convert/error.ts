import { Code, ConnectError } from '@connectrpc/connect';
import { SpiderError, type SpiderErrorCode } from '@spider/core';

const TO_WIRE: Record<SpiderErrorCode, Code> = {
  'invalid-argument': Code.InvalidArgument,
  'not-found': Code.NotFound,
  'already-exists': Code.AlreadyExists,
  'failed-precondition': Code.FailedPrecondition,
  'resource-exhausted': Code.ResourceExhausted,
  unauthenticated: Code.Unauthenticated,
  'permission-denied': Code.PermissionDenied,
  unavailable: Code.Unavailable,
  unimplemented: Code.Unimplemented,
  cancelled: Code.Canceled,
  internal: Code.Internal,
};

const FROM_WIRE: Record<Code, SpiderErrorCode> = {
  [Code.InvalidArgument]: 'invalid-argument',
  [Code.NotFound]: 'not-found',
  [Code.AlreadyExists]: 'already-exists',
  [Code.FailedPrecondition]: 'failed-precondition',
  [Code.ResourceExhausted]: 'resource-exhausted',
  // A reference server answers so when a message is larger than it reads.
  [Code.OutOfRange]: 'resource-exhausted',
  [Code.Unauthenticated]: 'unauthenticated',
  [Code.PermissionDenied]: 'permission-denied',
  [Code.Unavailable]: 'unavailable',
  // No server of either system answers so: it is what a broken connection looks like from here.
  [Code.Aborted]: 'unavailable',
  [Code.Unimplemented]: 'unimplemented',
  [Code.Canceled]: 'cancelled',
  // Deadlines are the caller's own.
  [Code.DeadlineExceeded]: 'cancelled',
  [Code.Internal]: 'internal',
  [Code.Unknown]: 'internal',
  [Code.DataLoss]: 'internal',
};

/**
 * What a server answers for an error. A SpiderError keeps its code and message, a ConnectError
 * passes as it is. Any other error is a bug on this side: its text may say more than the caller
 * should know, so the answer is a bare `internal error`.
 */
export function toConnectError(error: unknown): ConnectError {
  if (error instanceof ConnectError) return error;
  if (error instanceof SpiderError) {
    return new ConnectError(error.message, TO_WIRE[error.code], undefined, undefined, error);
  }
  return new ConnectError('internal error', Code.Internal, undefined, undefined, error);
}

/**
 * What a client makes of a failed call. The ConnectError is kept as the cause; a SpiderError passes
 * as it is.
 */
export function fromConnectError(error: unknown): SpiderError {
  if (error instanceof SpiderError) return error;
  const failure = ConnectError.from(error);
  const code = isBrokenConnection(failure.cause) ? 'unavailable' : FROM_WIRE[failure.code];
  return new SpiderError(code, failure.rawMessage, { cause: failure });
}

/** Codes of Node for calls that a connection took down with it, which connect calls internal. */
const BROKEN_CONNECTION_CODES: ReadonlySet<unknown> = new Set([
  'ERR_HTTP2_GOAWAY_SESSION',
  'ERR_HTTP2_INVALID_SESSION',
  'ERR_HTTP2_SESSION_ERROR',
  'ERR_HTTP2_STREAM_CANCEL',
]);

/** Whether a call has failed because its connection ended, or refused it before it began. */
function isBrokenConnection(cause: unknown): boolean {
  if (!(cause instanceof Error) || !('code' in cause)) return false;
  if (cause.code === 'ERR_HTTP2_STREAM_ERROR') {
    return cause.message.includes('NGHTTP2_REFUSED_STREAM');
  }
  return BROKEN_CONNECTION_CODES.has(cause.code);
}
