import { createContextKey } from '@connectrpc/connect';
import type { HandlerContext, Interceptor } from '@connectrpc/connect';
import { SpiderError } from '@spider/core';
import { HealthService, LoginService } from '@spider/proto';
import type { Login } from '../resource-group/login-token.ts';
import type { Logins } from '../resource-group/logins.ts';

const callerKey = createContextKey<Login | undefined>(undefined, {
  description: 'whose the call is',
});

const BEARER = 'Bearer ';

/** These answer whatever is in the metadata: one that has expired must not keep anybody from a new one. */
const OPEN_METHODS: ReadonlySet<string> = new Set([
  `${HealthService.typeName}/Check`,
  `${HealthService.typeName}/Watch`,
  `${LoginService.typeName}/Login`,
]);

/**
 * Finds out whose a call is, from the token in its metadata. A call without one goes on, as nobody's;
 * one with a token that is not valid is refused. A stream is asked once, when it begins.
 */
export const callerInterceptor =
  (logins: Pick<Logins, 'verify'>): Interceptor =>
  (next) =>
  (request) => {
    const header = request.header.get('authorization');
    const method = `${request.service.typeName}/${request.method.name}`;
    if (header === null || OPEN_METHODS.has(method)) return next(request);
    if (!header.startsWith(BEARER)) {
      throw new SpiderError('unauthenticated', 'authorization: does not begin with "Bearer "');
    }
    request.contextValues.set(callerKey, logins.verify(header.slice(BEARER.length)));
    return next(request);
  };

/** Whose a call is; undefined if it does not say. */
export const callerOf = (context: Pick<HandlerContext, 'values'>): Login | undefined =>
  context.values.get(callerKey);
