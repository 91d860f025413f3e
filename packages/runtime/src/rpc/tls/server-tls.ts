import { createSecureContext, type SecureContextOptions, type TLSSocket } from 'node:tls';

import { SpiderError } from '@spider/core';

import { readPem } from './client-tls.ts';

/** Who a server is, and which clients it takes. The files hold PEM. */
export interface ServerTls {
  /** The server's certificate, with those between it and its authority. */
  readonly certFile: string;
  /** The private key of that certificate. */
  readonly keyFile: string;
  /** Authorities of the certificates that clients show. Without it clients need none. */
  readonly clientCaFile?: string | undefined;
  /** Whether a client without a certificate is turned away; `required` by default. */
  readonly clientCertificates?: 'required' | 'optional' | undefined;
}

export const filesOf = ({ certFile, keyFile, clientCaFile }: ServerTls): readonly string[] =>
  [certFile, keyFile, clientCaFile].filter((file) => file !== undefined);

/** How long a client may take to get through the handshake. */
const HANDSHAKE_TIMEOUT_MS = 10_000;

/** What of a server's options cannot be changed while it listens. */
export const tlsServerOptions = ({ clientCaFile, clientCertificates = 'required' }: ServerTls) => ({
  requestCert: clientCaFile !== undefined,
  rejectUnauthorized: clientCaFile !== undefined && clientCertificates === 'required',
  handshakeTimeout: HANDSHAKE_TIMEOUT_MS,
});

/**
 * Reads certificate and key as they are now.
 *
 * @throws SpiderError that names the file if one cannot be read or used.
 */
export async function readServerTls({
  certFile,
  keyFile,
  clientCaFile,
}: ServerTls): Promise<SecureContextOptions> {
  const [cert, key, ca] = await Promise.all([
    readPem('cert_file', certFile),
    readPem('key_file', keyFile),
    clientCaFile === undefined ? undefined : readPem('client_ca_file', clientCaFile),
  ]);
  const context = { cert, key, ...(ca && { ca }) };
  try {
    createSecureContext(context);
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new SpiderError(
      'failed-precondition',
      `tls: ${certFile} and ${keyFile} are no certificate and its key: ${reason}`,
      { cause },
    );
  }
  return context;
}

/**
 * Whether the client has shown a certificate of this name, as its common name or as one of its DNS names.
 * Node compares them itself: of a list of names as text one could be made to look like two.
 */
export const isCertifiedAs = (socket: TLSSocket, name: string): boolean =>
  socket.authorized &&
  socket
    .getPeerX509Certificate()
    ?.checkHost(name, { subject: 'always', wildcards: false, partialWildcards: false }) !==
    undefined;
