import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { GrpcClient } from './grpc-client.ts';
import { index, ReferenceWorld } from './reference-world.ts';
import { Schema } from './schema.ts';
import { situationTable } from './situation-table.ts';
import { SITUATIONS } from './situations/index.ts';
import type { Scene } from './situations/situation.ts';
import { startStorage } from './storage-process.ts';

const DOCUMENT = fileURLToPath(new URL('../../../docs/reference-services.md', import.meta.url));
const schema = new Schema(['storage/storage.proto']);

const cleanup = new AsyncDisposableStack();
let scene: Scene;

/** What happened in a life of storage before the one that is looked at. */
async function formerLife(directory: string): Promise<Omit<Scene, 'world'>> {
  const runtime = { task_instance_pool: { execution_manager_stale_cutoff_sec: 1 } };
  await using cluster = await startStorage(directory, { runtime });
  using client = new GrpcClient(cluster.storageUrl, schema);
  const world = await ReferenceWorld.enter(client);
  const left = {
    SUCCEEDED: await world.jobIn('SUCCEEDED'),
    FAILED: await world.jobIn('FAILED'),
    CANCELLED: await world.jobIn('CANCELLED'),
  };
  const lease = await world.lease(await world.startJob(), index(0));
  // What it holds is for others once its heart has stopped for too long.
  await world.ok('PollReadyTasks', { maxItems: '1', waitMs: '30000' });
  return { left, formerSessionId: world.sessionId, lostManagerId: lease.executionManagerId };
}

beforeAll(async () => {
  const directory = await mkdtemp(join(tmpdir(), 'spider-situations-'));
  cleanup.defer(() => rm(directory, { recursive: true, force: true }));
  const former = await formerLife(directory);
  const cluster = cleanup.use(await startStorage(directory));
  const client = cleanup.use(new GrpcClient(cluster.storageUrl, schema));
  scene = { ...former, world: await ReferenceWorld.enter(client) };
}, 60_000);

afterAll(() => cleanup.disposeAsync());

describe('storage as a client sees it that is not ours', () => {
  test.each(SITUATIONS)(
    '$call: $situation',
    async ({ call, code, says, gives, request, after }) => {
      const sent = await request(scene);
      const answer = await scene.world.call(call, sent);
      expect(answer.code, answer.text).toBe(code);
      if (code === 'OK') expect(answer.response).toMatchObject(gives ?? {});
      else expect(answer.text).toContain(says);
      await after?.(scene, sent);
    },
  );

  test('is described by docs/reference-services.md', async () => {
    const [intro = ''] = (await readFile(DOCUMENT, 'utf8')).split('\n### ', 1);
    // `vitest run -u` writes it anew.
    await expect(`${intro}\n${situationTable(SITUATIONS)}`).toMatchFileSnapshot(DOCUMENT);
  });

  test('is still the storage that it was', async () => {
    const world = await ReferenceWorld.enter(scene.world.client);
    expect(world.sessionId).toBe(scene.world.sessionId);
  });
});
