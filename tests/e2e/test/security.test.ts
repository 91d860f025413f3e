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
