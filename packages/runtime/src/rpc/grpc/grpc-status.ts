import type { IncomingHttpHeaders, IncomingHttpStatusHeader } from 'node:http2';

import { Code, ConnectError } from '@connectrpc/connect';

type ResponseHeaders = IncomingHttpHeaders & IncomingHttpStatusHeader;

const STATUS_OK = '0';

const CODES: ReadonlyMap<number, Code> = new Map(
  Object.values(Code)
    .filter((code) => typeof code === 'number')
    .map((code) => [code, code]),
);

/** How a call has ended, as its server tells: 'ok', an error, or undefined if these do not say. */
export function statusOf(headers: IncomingHttpHeaders): 'ok' | ConnectError | undefined {
  const status = headers['grpc-status'];
  if (status === undefined) return undefined;
  if (status === STATUS_OK) return 'ok';
  const code = CODES.get(Number(status));
  const error =
    code === undefined
      ? new ConnectError(`grpc-status: ${String(status)} is none`, Code.Internal)
      : new ConnectError(textOf(headers['grpc-message']), code);
  error.isWireError = true;
  return error;
}

/** Why a response cannot be one of gRPC, if it cannot. */
export function responseError(headers: ResponseHeaders): ConnectError | undefined {
  const { ':status': status } = headers;
  if (status !== 200) return new ConnectError(`HTTP ${status}`, httpCode(status));
  const type = headers['content-type'];
  if (type?.startsWith('application/grpc') === true) return undefined;
  return new ConnectError(`content-type: ${type ?? 'none'} is not that of gRPC`, Code.Unknown);
}

function textOf(message: string | string[] | undefined): string {
  if (typeof message !== 'string') return '';
  try {
    return decodeURIComponent(message);
  } catch {
    return message;
  }
}

function httpCode(status: number | undefined): Code {
  switch (status) {
    case 400:
      return Code.Internal;
    case 401:
      return Code.Unauthenticated;
    case 403:
      return Code.PermissionDenied;
    case 404:
      return Code.Unimplemented;
    case 429:
    case 502:
    case 503:
    case 504:
      return Code.Unavailable;
    default:
      return Code.Unknown;
  }
}
