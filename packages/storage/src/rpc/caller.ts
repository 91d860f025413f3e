import { createContextKey } from '@connectrpc/connect';
import type { ContextValues, HandlerContext } from '@connectrpc/connect';
import { SpiderError } from '@spider/core';
import type { ResourceGroupId } from '@spider/core';
import { HealthService, LoginService } from '@spider/proto';
import { identityOf } from '@spider/runtime';
import type { CallGuard } from '@spider/runtime';
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
export const callerGuard =
  (logins: Pick<Logins, 'verify'>): CallGuard =>
  (call) => {
    const authorization = call.header('authorization');
    if (authorization === null || OPEN_METHODS.has(call.method)) return;
    if (!authorization.startsWith(BEARER)) {
      throw new SpiderError('unauthenticated', 'authorization: does not begin with "Bearer "');
    }
    noteCaller(call.values, logins.verify(authorization.slice(BEARER.length)));
  };

export const noteCaller = (values: ContextValues, login: Login): void =>
  void values.set(callerKey, login);

/**
 * The only resource group whose jobs the caller may see and touch; undefined for administrators, and
 * where nobody is asked.
 */
export const boundOf = (context: Pick<HandlerContext, 'values'>): ResourceGroupId | undefined =>
  identityOf(context) === 'resource-group' ? callerOf(context)?.resourceGroupId : undefined;

/** Whose a call is; undefined if it does not say. */
export const callerOf = (context: Pick<HandlerContext, 'values'>): Login | undefined =>
  context.values.get(callerKey);
