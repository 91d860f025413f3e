import { silentLogger } from '@spider/runtime';
import { describe, expect, it, onTestFinished } from 'vitest';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { TestAuthority, writeCertificate } from '../testing.ts';
import { Health } from '../rpc/health.ts';
import { startRpcServer } from '../rpc/server.ts';
import { askHealth } from './ask-health.ts';

describe('asking a server for its health', () => {
  it('tells whether it serves, also of one that listens at all addresses', async () => {
    const health = new Health([]);
    const server = await startRpcServer({
      host: '127.0.0.1',
      port: 0,
      routes: () => undefined,
      logger: silentLogger,
      health,
    });
    const { port } = server;
    const url = `http://127.0.0.1:${port}`;
    const asked = { host: '0.0.0.0', port };
    const waits = { isServing: false, text: `${url} is there, and does not serve` };
    expect(await askHealth(asked)).toEqual(waits);
    health.isServing = true;
    expect(await askHealth(asked)).toEqual({ isServing: true, text: `${url} serves` });
    await server.close();
    expect(await askHealth(asked)).toEqual({
      isServing: false,
      text: expect.stringMatching(`^${url}: .*ECONNREFUSED`) as string,
    });
  });

  it('knows one with TLS by its own certificate, and shows that if it is asked for one', async () => {
    const directory = await mkdtemp(join(tmpdir(), 'spider-health-'));
    onTestFinished(() => rm(directory, { recursive: true }));
    const authority = new TestAuthority();
    const clientCaFile = join(directory, 'ca.crt');
    await writeFile(clientCaFile, authority.cert);
    const own = await writeCertificate(directory, 'own', authority.issue('storage.example'));
    const other = await writeCertificate(directory, 'other', authority.issue('storage.example'));
    const health = new Health([]);
    health.isServing = true;
    await using server = await startRpcServer({ tls: { ...own, clientCaFile }, health });
    const { port, url } = server;
    expect(await askHealth({ host: '0.0.0.0', port, tls: { ...own, clientCaFile } })).toEqual({
      isServing: true,
      text: `${url} serves`,
    });
    expect(await askHealth({ host: '0.0.0.0', port, tls: other })).toMatchObject({
      isServing: false,
    });
  });
});
