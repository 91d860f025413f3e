import { create } from '@bufbuild/protobuf';
import type { ServiceImpl } from '@connectrpc/connect';
import { invalidArgument } from '@spider/core';
import type { ResourceGroupId } from '@spider/core';
import { LoginResponseSchema, WhoAmIResponseSchema } from '@spider/proto';
import type { LoginRequest, LoginService } from '@spider/proto';
import type { Logins } from '../resource-group/logins.ts';
import type { GroupName } from '../resource-group/resource-groups.ts';
import { callerOf } from './caller.ts';

/** Where clients say whose they are. */
export const createLoginService = (logins: Logins): ServiceImpl<typeof LoginService> => ({
  async login({ resourceGroup, password }) {
    const login = await logins.logIn(toGroupName(resourceGroup), password);
    return create(LoginResponseSchema, {
      resourceGroupId: login.resourceGroupId,
      token: login.token,
      expiresAtMs: BigInt(login.expiresAt),
      lifetimeMs: BigInt(login.lifetimeMs),
    });
  },

  whoAmI(_request, context) {
    const caller = callerOf(context);
    return create(WhoAmIResponseSchema, {
      resourceGroupId: caller?.resourceGroupId ?? 0n,
      expiresAtMs: BigInt(caller?.expiresAt ?? 0),
    });
  },
});

function toGroupName(group: LoginRequest['resourceGroup']): GroupName {
  switch (group.case) {
    case 'resourceGroupId':
      return { id: group.value as ResourceGroupId };
    case 'resourceGroupName':
      return { externalId: group.value };
    case undefined:
      throw invalidArgument('resource_group: is missing');
    default:
      return group satisfies never;
  }
}
