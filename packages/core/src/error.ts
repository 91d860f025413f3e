/**
 * What kind of answer a failed request deserves; names and meaning follow the gRPC status codes, of
 * which these are the ones Spider gives on purpose.
 */
export type SpiderErrorCode =
  | 'invalid-argument'
  | 'not-found'
  | 'already-exists'
  | 'failed-precondition'
  | 'resource-exhausted'
  | 'unauthenticated'
  | 'permission-denied'
  | 'unavailable'
  | 'unimplemented'
  | 'cancelled'
  | 'internal';

/**
 * The error of Spider's own making. Its message is written for the person who has to act: what is
 * wrong, where, which limit, what to do next. Only 'unavailable' may be retried blindly.
 */
export class SpiderError extends Error {
  override readonly name: string = 'SpiderError';
  readonly code: SpiderErrorCode;

  constructor(code: SpiderErrorCode, message: string, options?: { cause?: unknown }) {
    super(message, options);
    this.code = code;
  }
}

export const invalidArgument = (message: string): SpiderError =>
  new SpiderError('invalid-argument', message);

export const failedPrecondition = (message: string): SpiderError =>
  new SpiderError('failed-precondition', message);

export const notFound = (message: string): SpiderError => new SpiderError('not-found', message);
