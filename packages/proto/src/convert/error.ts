import { Code, ConnectError } from '@connectrpc/connect';
import { SpiderError, type SpiderErrorCode } from '@spider/core';

const TO_WIRE: Record<SpiderErrorCode, Code> = {
  'invalid-argument': Code.InvalidArgument,
  'not-found': Code.NotFound,
  'already-exists': Code.AlreadyExists,
  'failed-precondition': Code.FailedPrecondition,
  'resource-exhausted': Code.ResourceExhausted,
  unauthenticated: Code.Unauthenticated,
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
  [Code.PermissionDenied]: 'unauthenticated',
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
  return new SpiderError(FROM_WIRE[failure.code], failure.rawMessage, { cause: failure });
}
