import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { createClient } from '@connectrpc/connect';
import { fromConnectError, HealthService, ServingStatus } from '@spider/proto';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import { TestAuthority, writeCertificate, type IssueOptions } from '../../testing.ts';
import { Health } from '../health.ts';
import { peerOf } from '../peer.ts';
import { startRpcServer, type RpcServer } from '../server.ts';
import { createTransport } from '../transport.ts';
import type { ClientTls } from './client-tls.ts';
import type { ServerTls } from './server-tls.ts';

const authority = new TestAuthority();
const foreignAuthority = new TestAuthority('another one');

let directory: string;
let stack: AsyncDisposableStack;
/** Of our authority, and of the foreign one. */
let caFile: string;
let foreignCaFile: string;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'spider-tls-'));
  stack = new AsyncDisposableStack();
  stack.defer(() => rm(directory, { recursive: true }));
  caFile = join(directory, 'ca.crt');
  foreignCaFile = join(directory, 'foreign.crt');
  await writeFile(caFile, authority.cert);
  await writeFile(foreignCaFile, foreignAuthority.cert);
});
afterEach(() => stack.disposeAsync());

const LOCAL: IssueOptions = { names: ['localhost', '127.0.0.1'] };

const certificate = (name: string, options?: IssueOptions, from = authority) =>
  writeCertificate(directory, name, from.issue(name, options));

/** Of the certificate that the last call came with. */
let isWorker: boolean | undefined;

async function serve(tls: ServerTls): Promise<RpcServer> {
  const health = new Health([]);
  health.isServing = true;
  const guards = [
    (call: Parameters<typeof peerOf>[0]) =>
      void (isWorker = peerOf(call)?.isCertifiedAs('worker.example')),
  ];
  return stack.use(await startRpcServer({ tls, health, guards }));
}

async function ask(url: string, tls?: ClientTls): Promise<string> {
  const transport = stack.use(createTransport({ url, ...(tls && { tls }) }));
  try {
    const { status } = await createClient(HealthService, transport).check({});
    return ServingStatus[status];
  } catch (error) {
    const { code, message } = fromConnectError(error);
    return `${code}: ${message}`;
  }
}

describe('a server with TLS', () => {
  it('answers those who trust its authority, by its names and by its addresses', async () => {
    const { url, port } = await serve(await certificate('server', LOCAL));
    expect(url).toMatch(/^https:\/\/127\.0\.0\.1:\d+$/);
    expect(await ask(url, { caFile })).toBe('SERVING');
    expect(await ask(`https://localhost:${port}`, { caFile })).toBe('SERVING');
  });

  it('is refused with what to do by those who do not know its authority', async () => {
    const { url } = await serve(await certificate('server', LOCAL));
    const refused =
      /^permission-denied: cannot connect .* of no authority .* name the right one by ca_file$/;
    expect(await ask(url, { caFile: foreignCaFile })).toMatch(refused);
    expect(await ask(url)).toMatch(refused);
  });

  it('is refused with what to do if its certificate has another name, unless that is asked for', async () => {
    const { url } = await serve(await certificate('server', { names: ['storage.example'] }));
    expect(await ask(url, { caFile })).toMatch(
      /not for this host but for DNS:storage\.example: .* or say which one by server_name$/,
    );
    expect(await ask(url, { caFile, serverName: 'storage.example' })).toBe('SERVING');
  });

  it('is refused with what to do if its certificate has expired', async () => {
    const { url } = await serve(await certificate('server', { ...LOCAL, days: [-2, -1] }));
    expect(await ask(url, { caFile })).toContain('has expired: renew it there');
  });

  it('does not answer plain text, nor does a plain one answer TLS', async () => {
    const { port } = await serve(await certificate('server', LOCAL));
    expect(await ask(`http://127.0.0.1:${port}`)).toMatch(/^unavailable: /);
    const plain = stack.use(await startRpcServer({}));
    expect(await ask(`https://127.0.0.1:${plain.port}`, { caFile })).toMatch(
      /the server does not speak TLS: write http:\/\/ if that is right$/,
    );
  });

  it('takes a renewed certificate without a restart, and keeps the old one if the new is none', async () => {
    const files = await certificate('server', LOCAL);
    const server = await serve(files);
    await certificate('server', LOCAL, foreignAuthority);
    await server.reloadTls();
    expect(await ask(server.url, { caFile: foreignCaFile })).toBe('SERVING');
    await writeFile(files.certFile, 'nothing');
    await expect(server.reloadTls()).rejects.toThrow(/^tls\.cert_file: .* has no PEM in it$/);
    expect(await ask(server.url, { caFile: foreignCaFile })).toBe('SERVING');
  });

  it('does not start with a key of another certificate, or without one', async () => {
    const { certFile } = await certificate('server', LOCAL);
    const { keyFile } = await certificate('other', LOCAL);
    await expect(serve({ certFile, keyFile })).rejects.toThrow(/are no certificate and its key/);
    await expect(serve({ certFile, keyFile: '/nowhere' })).rejects.toThrow(
      /^tls\.key_file: .*ENOENT/,
    );
  });
});

describe('a server that asks for certificates', () => {
  it('answers those that its authority has certified, and knows their names', async () => {
    const { url } = await serve({ ...(await certificate('server', LOCAL)), clientCaFile: caFile });
    const worker = await certificate('worker.example');
    expect(await ask(url, { caFile, ...worker })).toBe('SERVING');
    expect(isWorker).toBe(true);
    const another = await certificate('somebody', { names: ['a, DNS:worker.example'] });
    expect(await ask(url, { caFile, ...another })).toBe('SERVING');
    expect(isWorker).toBe(false);
  });

  it('refuses those that show none, or one of another authority, or one that has expired', async () => {
    const { url } = await serve({ ...(await certificate('server', LOCAL)), clientCaFile: caFile });
    expect(await ask(url, { caFile })).toMatch(/certificate of this side/);
    const foreign = await certificate('worker.example', {}, foreignAuthority);
    expect(await ask(url, { caFile, ...foreign })).toMatch(/^unavailable: .*cert_file, key_file/);
    const expired = await certificate('worker.example', { days: [-2, -1] });
    expect(await ask(url, { caFile, ...expired })).toMatch(/^unavailable: /);
  });

  it('lets in those without one if it is told to, as nobody that it knows', async () => {
    const { url } = await serve({
      ...(await certificate('server', LOCAL)),
      clientCaFile: caFile,
      clientCertificates: 'optional',
    });
    expect(await ask(url, { caFile })).toBe('SERVING');
    expect(isWorker).toBe(false);
    const foreign = await certificate('worker.example', {}, foreignAuthority);
    expect(await ask(url, { caFile, ...foreign })).toBe('SERVING');
    expect(isWorker).toBe(false);
    const worker = await certificate('worker.example');
    expect(await ask(url, { caFile, ...worker })).toBe('SERVING');
    expect(isWorker).toBe(true);
  });
});

describe('a client', () => {
  it('does not use plain text where TLS is set up', () => {
    expect(() => createTransport({ url: 'http://127.0.0.1:1', tls: {} })).toThrow(
      'http://127.0.0.1:1 would not be encrypted, though TLS is set up: write https://',
    );
  });

  it('says which file it cannot read', async () => {
    const { url } = await serve(await certificate('server', LOCAL));
    expect(await ask(url, { caFile: '/nowhere' })).toMatch(
      /^permission-denied: tls\.ca_file: ENOENT/,
    );
  });
});
