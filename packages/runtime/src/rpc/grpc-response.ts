import { Http2ServerResponse, type OutgoingHttpHeaders } from 'node:http2';

/**
 * A response that writes the messages of errors as gRPC has it. Connect escapes more than it has to,
 * and grpc-js, the usual client of Node, leaves that as it is: people would read `host%3A is empty`.
 */
export class GrpcResponse extends Http2ServerResponse {
  override addTrailers(trailers: OutgoingHttpHeaders): void {
    const message = trailers['grpc-message'];
    if (typeof message === 'string') trailers['grpc-message'] = unescapePrintable(message);
    super.addTrailers(trailers);
  }
}

/** An error's message as the header `grpc-message` carries it: printable ASCII but for `%` as it is. */
export const toGrpcMessage = (text: string): string => unescapePrintable(encodeURIComponent(text));

/** Spaces at either end stay escaped, or they would be lost on the way. */
const unescapePrintable = (escaped: string): string =>
  escaped.replaceAll(/(?!^%20|%20$)%([2-7][\dA-F])/g, (all, hex: string) =>
    hex === '25' || hex === '7F' ? all : String.fromCharCode(Number.parseInt(hex, 16)),
  );
