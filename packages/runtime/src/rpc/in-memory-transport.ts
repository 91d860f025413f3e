import { createRouterTransport, type ConnectRouter, type Transport } from '@connectrpc/connect';
import { LIMITS } from '@spider/core';

import { errorInterceptor } from './error-interceptor.ts';
import { silentLogger, type Logger } from '../logger.ts';

/**
 * Reaches services of the same process without a socket. Messages are encoded and decoded as they
 * are on a wire, and errors come out as they do from a server.
 */
export function createInMemoryTransport(
  routes: (router: ConnectRouter) => void,
  options: { readonly logger?: Logger } = {},
): Transport {
  return createRouterTransport(routes, {
    router: {
      readMaxBytes: LIMITS.messageBytes,
      interceptors: [errorInterceptor(options.logger ?? silentLogger)],
    },
  });
}
