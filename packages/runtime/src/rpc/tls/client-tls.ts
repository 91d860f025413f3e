import { X509Certificate } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { isIP } from 'node:net';
import { connect as connectTls, type ConnectionOptions, type TLSSocket } from 'node:tls';

import { SpiderError } from '@spider/core';

/**
 * How a client checks its server, and shows who it is itself. The files hold PEM; they are read at each
 * connection, so that a certificate that was renewed is used from the next one on.
 */
export interface ClientTls {
  /** Certificates of the authorities that are trusted; by default those that Node brings. */
  readonly caFile?: string | undefined;
  /** This client's own certificate, with those between it and its authority. */
  readonly certFile?: string | undefined;
  /** The private key of that certificate. */
  readonly keyFile?: string | undefined;
  /** The name that the server's certificate must have; by default the host of the URL. */
  readonly serverName?: string | undefined;
  /** The server's own certificate: no other one is taken, and this whatever its name is. */
  readonly pinnedFile?: string | undefined;
}

export interface TlsAddress {
  readonly host: string;
  readonly port: number;
}

/** Opens a socket that ends with an error unless the server is who it should be. */
export async function openTlsSocket(
  { host, port }: TlsAddress,
  tls: ClientTls,
): Promise<TLSSocket> {
  const name = tls.serverName ?? host;
  const options: ConnectionOptions = {
    host,
    port,
    ...(await readMaterial(tls)),
    ALPNProtocols: ['h2'],
    // Addresses are no names; they are compared with the certificate's addresses all the same.
    ...(isIP(name) === 0 && { servername: name }),
  };
  const socket = connectTls(options);
  socket.setNoDelay(true);
  return socket;
}

async function readMaterial({
  caFile,
  certFile,
  keyFile,
  pinnedFile,
}: ClientTls): Promise<ConnectionOptions> {
  const trustedFile = pinnedFile ?? caFile;
  const [ca, cert, key] = await Promise.all([
    trustedFile === undefined ? undefined : readPem('ca_file', trustedFile),
    certFile === undefined ? undefined : readPem('cert_file', certFile),
    keyFile === undefined ? undefined : readPem('key_file', keyFile),
  ]);
  return {
    ...(ca && { ca }),
    ...(cert && { cert }),
    ...(key && { key }),
    ...(pinnedFile !== undefined && ca !== undefined && pinnedTo(ca)),
  };
}

function pinnedTo(pem: string): ConnectionOptions {
  const pinned = new X509Certificate(pem);
  return {
    allowPartialTrustChain: true,
    checkServerIdentity: (_host, { raw }) =>
      pinned.raw.equals(raw) ? undefined : new Error('the server has another certificate'),
  };
}

/** @throws SpiderError 'permission-denied' that names key and file. */
export async function readPem(key: string, path: string): Promise<string> {
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new SpiderError('permission-denied', `tls.${key}: ${reason}`, { cause });
  }
  if (text.includes('-----BEGIN ')) return text;
  throw new SpiderError('permission-denied', `tls.${key}: ${path} has no PEM in it`);
}
