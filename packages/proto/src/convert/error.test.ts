import { Code, ConnectError } from '@connectrpc/connect';
import { SpiderError, type SpiderErrorCode } from '@spider/core';
import { describe, expect, it } from 'vitest';

import { fromConnectError, toConnectError } from './error.ts';

const CODES: readonly SpiderErrorCode[] = [
  'invalid-argument',
  'not-found',
  'already-exists',
  'failed-precondition',
  'resource-exhausted',
  'unauthenticated',
  'unavailable',
  'unimplemented',
  'cancelled',
  'internal',
];

describe('errors on the wire', () => {
  it.each(CODES)('keeps the code %s and the message on the way there and back', (code) => {
    const sent = toConnectError(new SpiderError(code, 'slots: 0 is too few'));
    // What the wire carries is the number and the text.
    const received = new ConnectError(sent.rawMessage, sent.code);

    expect(fromConnectError(received)).toMatchObject({ code, message: 'slots: 0 is too few' });
  });

  it('says nothing of what only this side should know', () => {
    const failure = toConnectError(new TypeError('password is hunter2'));

    expect(failure).toMatchObject({ code: Code.Internal, rawMessage: 'internal error' });
    expect(failure.cause).toBeInstanceOf(TypeError);
  });

  it('passes on what is an error of the right kind already', () => {
    const onWire = new ConnectError('no', Code.NotFound);
    const ours = new SpiderError('not-found', 'no');

    expect(toConnectError(onWire)).toBe(onWire);
    expect(fromConnectError(ours)).toBe(ours);
  });

  it.each([
    [Code.OutOfRange, 'resource-exhausted'],
    [Code.PermissionDenied, 'permission-denied'],
    [Code.Aborted, 'unavailable'],
    [Code.DeadlineExceeded, 'cancelled'],
    [Code.Unknown, 'internal'],
    [Code.DataLoss, 'internal'],
  ] as const)('takes code %i of a foreign server as %s', (code, expected) => {
    expect(fromConnectError(new ConnectError('', code)).code).toBe(expected);
  });

  it.each([
    [
      'ERR_HTTP2_STREAM_ERROR',
      'Stream closed with error code NGHTTP2_REFUSED_STREAM',
      'unavailable',
    ],
    ['ERR_HTTP2_STREAM_ERROR', 'Stream closed with error code NGHTTP2_PROTOCOL_ERROR', 'internal'],
    ['ERR_HTTP2_STREAM_CANCEL', 'The pending stream has been canceled', 'unavailable'],
    ['ERR_HTTP2_GOAWAY_SESSION', 'New streams cannot be created', 'unavailable'],
    ['ERR_INVALID_ARG_TYPE', 'a bug', 'internal'],
  ] as const)('takes %s of Node (%s) as %s', (nodeCode, message, expected) => {
    const cause = Object.assign(new Error(message), { code: nodeCode });
    const failure = new ConnectError(message, Code.Internal, undefined, undefined, cause);

    expect(fromConnectError(failure)).toMatchObject({ code: expected, message });
  });

  it('keeps what it was made of as the cause', () => {
    const failure = new ConnectError('gone', Code.Unavailable);

    expect(fromConnectError(failure).cause).toBe(failure);
  });
});
