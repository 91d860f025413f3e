import { Code, type ConnectError, type Interceptor } from '@connectrpc/connect';
import { toConnectError } from '@spider/proto';

import type { Logger } from '../logger.ts';

/**
 * What a client is answered for an error: the code and the message of a SpiderError. What it only
 * learns to be internal is logged with its cause.
 */
export function answerTo(error: unknown, method: string, logger: Logger): ConnectError {
  const failure = toConnectError(error);
  if (failure.code === Code.Internal && failure !== error) {
    logger.error('an RPC failed', { method, error: failure.cause ?? failure });
  }
  return failure;
}

/** Answers errors as `answerTo` says, in calls that connect answers. */
export function errorInterceptor(logger: Logger): Interceptor {
  return (next) => async (request) => {
    const method = `${request.service.typeName}/${request.method.name}`;
    const answer = (error: unknown): ConnectError => answerTo(error, method, logger);
    try {
      const response = await next(request);
      if (!response.stream) return response;
      return { ...response, message: mapErrors(response.message, answer) };
    } catch (error) {
      throw answer(error);
    }
  };
}

/** Not a generator: those cost more for each message, and block while they wait for one. */
function mapErrors<T>(
  messages: AsyncIterable<T>,
  map: (error: unknown) => ConnectError,
): AsyncIterable<T> {
  const rethrow = (error: unknown): never => {
    throw map(error);
  };
  return {
    [Symbol.asyncIterator]() {
      const iterator = messages[Symbol.asyncIterator]();
      return {
        next: () => iterator.next().catch(rethrow),
        return: async (value) =>
          (await iterator.return?.(value)) ?? { done: true, value: value as unknown },
        throw: async (error) => {
          if (iterator.throw === undefined) throw error;
          return iterator.throw(error);
        },
      };
    },
  };
}
