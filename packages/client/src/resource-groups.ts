import { type ResourceGroupId, SpiderError, toId } from '@spider/core';
import { ResourceGroupManagementService } from '@spider/proto/reference';
import type { JobServiceCaller } from './job-service-caller.ts';

/** Tries before the error is faced: neither call does harm when it happens twice. */
const ROUNDS = 9;

export async function addResourceGroup(
  caller: JobServiceCaller,
  name: string,
  password: string,
  signal: AbortSignal | undefined,
): Promise<ResourceGroupId> {
  const request = { externalResourceGroupId: name, password: encode(password) };
  const { resourceGroupId } = await caller.callService(
    ResourceGroupManagementService,
    (client, call) => client.addResourceGroup(request, call),
    { maxRounds: ROUNDS, signal },
  );
  return toId(resourceGroupId);
}

export async function verifyResourceGroup(
  caller: JobServiceCaller,
  resourceGroupId: ResourceGroupId,
  password: string,
  signal: AbortSignal | undefined,
): Promise<boolean> {
  try {
    await caller.callService(
      ResourceGroupManagementService,
      (client, call) =>
        client.verifyResourceGroup({ resourceGroupId, password: encode(password) }, call),
      { maxRounds: ROUNDS, signal },
    );
    return true;
  } catch (error) {
    if (error instanceof SpiderError && error.code === 'unauthenticated') return false;
    throw error;
  }
}

const encode = (password: string): Uint8Array<ArrayBuffer> => new TextEncoder().encode(password);
