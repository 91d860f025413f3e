import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  connect,
  type ConnectOptions,
  defineJob,
  float64,
  type SpiderClient,
} from '@spider/client';
import { type FinishedProcess, repositoryPath, runProcess } from '@spider/e2e';
import { add } from '@spider/example-hello';
import { type LocalCluster, startLocalCluster } from '@spider/local-cluster';
import { TestAuthority, writeCertificate } from '@spider/runtime/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

const CLI = repositoryPath('apps/cli/dist/main.js');
const sum = defineJob([float64, float64], (graph, x, y) => [graph.task(add, x, y)]);

interface Certificate {
  readonly certFile: string;
  readonly keyFile: string;
}

let directory: string;
let cluster: LocalCluster;
let caFile: string;
let foreignCaFile: string;
let user: Certificate;
let stranger: Certificate;

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'spider-security-'));
  const authority = new TestAuthority();
  const foreign = new TestAuthority('another one');
  caFile = join(directory, 'ca.crt');
  foreignCaFile = join(directory, 'foreign.crt');
  await writeFile(caFile, authority.cert);
  await writeFile(foreignCaFile, foreign.cert);
  const certificate = (name: string, from = authority): Promise<Certificate> =>
    writeCertificate(directory, name, from.issue(name, { names: ['spider.example'] }));
  const server = await certificate('server');
  const worker = await certificate('worker');
  user = await certificate('user');
  stranger = await certificate('stranger', foreign);
  const serverTls = {
    cert_file: server.certFile,
    key_file: server.keyFile,
    client_ca_file: caFile,
  };
  const clientTls = {
    ca_file: caFile,
    cert_file: worker.certFile,
    key_file: worker.keyFile,
    server_name: 'spider.example',
  };
  cluster = await startLocalCluster({
    directory: join(directory, 'cluster'),
    packageDir: repositoryPath('examples'),
    slots: 1,
    embeddedScheduler: false,
    config: {
      storage: { tls: serverTls },
      scheduler: { tls: serverTls, storage_tls: clientTls },
      executionManager: { tls: clientTls },
    },
  });
}, 60_000);

afterAll(async () => {
  await cluster.stop();
  await rm(directory, { recursive: true });
});

const clientOf = (
  tls: Partial<ConnectOptions['tls']>,
  options: Partial<ConnectOptions> = {},
): SpiderClient =>
  connect({
    endpoints: [cluster.storageUrl],
    tls: { caFile, serverName: 'spider.example', ...tls },
    ...options,
  });

const spider = (args: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<FinishedProcess> =>
  runProcess([CLI, ...args], { env: { SPIDER_ENDPOINT: cluster.storageUrl, ...env } });

describe('a cluster with TLS on both sides', () => {
  it('runs jobs of those whose certificate its authority has issued', async () => {
    expect(new URL(cluster.storageUrl).protocol).toBe('https:');
    using client = clientOf(user);
    const handle = await client.submitAndStart(sum, [1, 2]);
    expect(await handle.outputs()).toEqual([3]);
    const listed = await spider([
      'jobs',
      '--json',
      '--ca-file',
      caFile,
      '--server-name',
      'spider.example',
      '--cert-file',
      user.certFile,
      '--key-file',
      user.keyFile,
    ]);
    expect(listed).toMatchObject({ code: 0, stderr: '' });
    expect(listed.stdout).toContain('SUCCEEDED');
  });

  it('is not talked to by those who do not trust its authority, and they are told at once', async () => {
    using client = clientOf({ ...user, caFile: foreignCaFile });
    await expect(client.submit(sum, [1, 2])).rejects.toMatchObject({
      code: 'permission-denied',
      message: expect.stringMatching(/name the right one by ca_file$/) as string,
    });
    const asked = await spider(['jobs'], { SPIDER_CA_FILE: foreignCaFile });
    expect(asked.code).toBe(1);
    expect(asked.stderr).toMatch(/^spider: cannot connect .* name the right one by ca_file\n$/);
  });

  it('does not talk to those without a certificate, or with one of another authority', async () => {
    const attempt = { signal: AbortSignal.timeout(20_000) };
    using nobody = clientOf({});
    await expect(nobody.cluster.servers(attempt)).resolves.toMatchObject([
      { error: { message: expect.stringContaining('certificate of this side') as string } },
    ]);
    using foreigner = clientOf(stranger);
    await expect(foreigner.cluster.servers(attempt)).resolves.toMatchObject([
      { error: { message: expect.stringContaining('certificate of this side') as string } },
    ]);
  });
});

const PASSWORD = 'to the stars and back';
const ADMIN_TOKEN = 'admin-token-0123456789abcdef';
const CLUSTER_TOKEN = 'cluster-token-0123456789abcdef';

describe('a cluster that asks who calls', () => {
  let guarded: LocalCluster;
  const log: string[] = [];

  beforeAll(async () => {
    const tokenFile = join(directory, 'cluster.token');
    await writeFile(tokenFile, `${CLUSTER_TOKEN}\n`);
    const auth = { mode: 'required', cluster_token_file: tokenFile };
    guarded = await startLocalCluster({
      directory: join(directory, 'guarded'),
      packageDir: repositoryPath('examples'),
      slots: 1,
      embeddedScheduler: false,
      logLevel: 'debug',
      onLog: (_name, line) => log.push(line),
      env: (name) => (name === 'storage' ? { SPIDER_ADMIN_TOKEN: ADMIN_TOKEN } : {}),
      config: {
        storage: { auth },
        scheduler: { auth },
        executionManager: { cluster_token_file: tokenFile },
      },
    });
    using administrator = connectTo({ token: ADMIN_TOKEN });
    await administrator.addResourceGroup('astronomy', PASSWORD);
    await administrator.addResourceGroup('geology', PASSWORD);
  }, 60_000);

  afterAll(() => guarded.stop());

  const connectTo = (options: Partial<ConnectOptions>): SpiderClient =>
    connect({ endpoints: [guarded.storageUrl], ...options });
  const as = (resourceGroup: string): SpiderClient =>
    connectTo({ resourceGroup, password: PASSWORD });

  it('runs the jobs of resource groups that log in, each of which sees its own alone', async () => {
    using astronomy = as('astronomy');
    using geology = as('geology');
    using administrator = connectTo({ token: ADMIN_TOKEN });
    const handle = await astronomy.submitAndStart(sum, [1, 2]);
    expect(await handle.outputs()).toEqual([3]);
    const foreign = geology.job(handle.id);
    const refused = {
      code: 'permission-denied',
      message: `job ${handle.id} is another resource group's: log in as the one that has submitted it`,
    };
    await expect(foreign.status()).rejects.toMatchObject(refused);
    await expect(foreign.cancel()).rejects.toMatchObject(refused);
    await expect(foreign.start()).rejects.toMatchObject(refused);
    await expect(foreign.delete()).rejects.toMatchObject(refused);
    await expect(foreign.wait()).rejects.toMatchObject(refused);
    await expect(foreign.outputs()).rejects.toMatchObject(refused);
    const { resourceGroupId } = await handle.status();
    await expect(geology.submit(sum, [1, 2], { resourceGroupId })).rejects.toMatchObject({
      code: 'permission-denied',
      message: expect.stringContaining('leave it out, or log in as that') as string,
    });
    const seen = async (client: SpiderClient): Promise<number> => {
      let count = 0;
      for await (const _job of client.jobs()) count += 1;
      return count;
    };
    expect([await seen(astronomy), await seen(geology), await seen(administrator)]).toEqual([
      1, 0, 1,
    ]);
  });

  it('refuses those who do not say who they are, and tells them what to do', async () => {
    using nobody = connectTo({});
    await expect(nobody.submit(sum, [1, 2])).rejects.toMatchObject({
      code: 'unauthenticated',
      message:
        'JobService/SubmitJob needs to know who calls: log in as a resource group (SPIDER_GROUP, SPIDER_PASSWORD)',
    });
    using astronomy = as('astronomy');
    const drained = astronomy.cluster.queues();
    await expect(drained).rejects.toMatchObject({ code: 'permission-denied' });
    const asked = await runProcess([CLI, 'jobs', '--endpoint', guarded.storageUrl]);
    expect(asked).toMatchObject({ code: 1 });
    expect(asked.stderr).toContain('log in as a resource group');
    const tokenFile = join(directory, 'admin.token');
    await writeFile(tokenFile, `${ADMIN_TOKEN}\n`);
    const listed = await runProcess([
      CLI,
      'workers',
      '--endpoint',
      guarded.storageUrl,
      '--token-file',
      tokenFile,
    ]);
    expect(listed).toMatchObject({ code: 0, stderr: '' });
  });

  it('takes no execution manager that does not know its token, and says so to it', async () => {
    const config = join(directory, 'stranger.yaml');
    const port = Number(new URL(guarded.storageUrl).port);
    const packages = repositoryPath('examples');
    await writeFile(
      config,
      `storage: { host: 127.0.0.1, port: ${port} }\nslots: 1\ntask_executor: { package_dir: ${packages} }\n`,
    );
    const stranger = await runProcess([repositoryPath('apps/em/dist/main.js'), '-c', config], {
      env: { SPIDER_CLUSTER_TOKEN: 'a-wrong-token-0123456789' },
    });
    expect(stranger.code).toBe(1);
    expect(stranger.stderr).toContain('authorization: the token is none of this storage');
  });

  it('has no secret in any log', () => {
    expect(log.length).toBeGreaterThan(0);
    const all = log.join('\n');
    for (const secret of [PASSWORD, ADMIN_TOKEN, CLUSTER_TOKEN]) expect(all).not.toContain(secret);
  });
});
