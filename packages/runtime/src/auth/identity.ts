import { createContextKey } from '@connectrpc/connect';
import type { ContextValues } from '@connectrpc/connect';
import { SpiderError } from '@spider/core';

import { ACCESS_TABLE } from './access-table.ts';

/** Who has made a call; `resource-group` stands for anybody who has logged in to one. */
export type Identity = 'nobody' | 'resource-group' | 'administrator' | 'process';

const identityKey = createContextKey<Identity | undefined>(undefined, {
  description: 'who has made the call',
});

/** Undefined where nobody is asked. */
export const identityOf = (context: { readonly values: ContextValues }): Identity | undefined =>
  context.values.get(identityKey);

export const noteIdentity = (values: ContextValues, identity: Identity): void =>
  void values.set(identityKey, identity);

/** What a call needs that an identity has not; undefined if it may go on. */
export function refusal(method: string, identity: Identity): SpiderError | undefined {
  const required = ACCESS_TABLE.get(method) ?? 'nothing';
  switch (required) {
    case 'anybody':
      return undefined;
    case 'user':
      if (identity === 'resource-group' || identity === 'administrator') return undefined;
      return refused(
        method,
        identity,
        'log in as a resource group (SPIDER_GROUP, SPIDER_PASSWORD)',
      );
    case 'administrator':
      if (identity === 'administrator') return undefined;
      return refused(method, identity, "bring the administrator's token (SPIDER_TOKEN)");
    case 'process':
      if (identity === 'process') return undefined;
      return refused(
        method,
        identity,
        'bring the token of the cluster (SPIDER_CLUSTER_TOKEN, cluster_token_file)',
      );
    case 'nothing':
      return new SpiderError('permission-denied', `${method} is not for anybody`);
    default:
      return required satisfies never;
  }
}

const WHO: Readonly<Record<Identity, string>> = {
  nobody: 'nobody that this server knows',
  'resource-group': 'a resource group',
  administrator: 'an administrator',
  process: 'a process of the cluster',
};

function refused(method: string, identity: Identity, advice: string): SpiderError {
  const name = method.slice(method.lastIndexOf('.') + 1);
  return identity === 'nobody'
    ? new SpiderError('unauthenticated', `${name} needs to know who calls: ${advice}`)
    : new SpiderError('permission-denied', `${name} is not for ${WHO[identity]}: ${advice}`);
}
