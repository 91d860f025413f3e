import { create } from '@bufbuild/protobuf';
import type { ServiceImpl } from '@connectrpc/connect';
import type { ResourceGroupId } from '@spider/core';
import { ResourceGroupIdResponseSchema, VoidSchema } from '@spider/proto/reference';
import type { ResourceGroupManagementService } from '@spider/proto/reference';
import type { ResourceGroups } from '../../resource-group/resource-groups.ts';

export const createResourceGroupService = (
  resourceGroups: ResourceGroups,
): ServiceImpl<typeof ResourceGroupManagementService> => ({
  async addResourceGroup({ externalResourceGroupId, password }) {
    const resourceGroupId = await resourceGroups.add(externalResourceGroupId, password);
    return create(ResourceGroupIdResponseSchema, { resourceGroupId });
  },

  async verifyResourceGroup({ resourceGroupId, password }) {
    await resourceGroups.verify(resourceGroupId as ResourceGroupId, password);
    return create(VoidSchema);
  },
});
