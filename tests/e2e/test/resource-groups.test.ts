import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect, defineJob, float64, parseId } from '@spider/client';
import { add } from '@spider/example-hello';
import { type LocalCluster, startLocalCluster } from '@spider/local-cluster';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { repositoryPath } from '../src/index.ts';

const sum = defineJob([float64, float64], (graph, x, y) => [graph.task(add, x, y)]);

describe('resource groups', () => {
  let directory: string;
  let cluster: LocalCluster;

  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), 'spider-groups-'));
    cluster = await startLocalCluster({
      directory,
      packageDir: repositoryPath('examples'),
      slots: 1,
    });
  });

  afterAll(async () => {
    await cluster.stop();
    await rm(directory, { recursive: true, force: true });
  });

  it('are created once, and found again by their password', async () => {
    using client = connect({ endpoints: [cluster.storageUrl] });
    const group = await client.addResourceGroup('astronomy', 'to the stars');
    expect(await client.addResourceGroup('astronomy', 'to the stars')).toBe(group);
    expect(await client.addResourceGroup('geology', 'to the rocks')).not.toBe(group);
    await expect(client.addResourceGroup('astronomy', 'guessed')).rejects.toMatchObject({
      code: 'already-exists',
    });
  });

  it('tell a right password from a wrong one, and nothing else', async () => {
    using client = connect({ endpoints: [cluster.storageUrl] });
    const group = await client.addResourceGroup('biology', 'to the cells');
    expect(await client.verifyResourceGroup(group, 'to the cells')).toBe(true);
    expect(await client.verifyResourceGroup(group, 'to the bells')).toBe(false);
    expect(await client.verifyResourceGroup(parseId('999999'), 'to the cells')).toBe(false);
  });

  it('are logged in to, and then own what is submitted', async () => {
    using anybody = connect({ endpoints: [cluster.storageUrl] });
    const group = await anybody.addResourceGroup('chemistry', 'to the bonds');
    const credentials = { resourceGroup: 'chemistry', password: 'to the bonds' };
    using client = connect({ endpoints: [cluster.storageUrl], ...credentials });
    const handle = await client.submitAndStart(sum, [1, 2]);
    expect(await handle.outputs()).toEqual([3]);
    expect((await handle.status()).resourceGroupId).toBe(group);
    using guesser = connect({
      endpoints: [cluster.storageUrl],
      ...credentials,
      password: 'guessed',
    });
    await expect(guesser.submit(sum, [1, 2])).rejects.toMatchObject({ code: 'unauthenticated' });
  });

  it('own jobs', async () => {
    using client = connect({ endpoints: [cluster.storageUrl] });
    const resourceGroupId = await client.addResourceGroup('physics', 'to the atoms');
    const handle = await client.submitAndStart(sum, [1, 2], { resourceGroupId });
    expect(await handle.outputs()).toEqual([3]);
    expect((await handle.status()).resourceGroupId).toBe(resourceGroupId);
    const nobody = parseId<typeof resourceGroupId>('999999');
    await expect(client.submit(sum, [1, 2], { resourceGroupId: nobody })).rejects.toThrow('group');
  });
});
