import { isIP } from 'node:net';

import { invalidArgument } from '@spider/core';

import type { ServerTls } from '../rpc/tls/server-tls.ts';

/** What decides who may come to a server. */
export interface Exposure {
  readonly host: string;
  readonly tls: ServerTls | undefined;
  readonly isAuthRequired: boolean;
  /** Whether somebody has said that this is as it should be. */
  readonly insecure: boolean;
}

/**
 * What is to be said of a server that everybody can reach, or whose secrets go over the network as they are;
 * undefined if there is nothing to say.
 *
 * @throws SpiderError 'invalid-argument' if others can reach it and nothing asks who they are, unless
 * that is said to be as it should be.
 */
export function checkExposure({
  host,
  tls,
  isAuthRequired,
  insecure,
}: Exposure): string | undefined {
  if (isLoopback(host)) return undefined;
  if (isAuthRequired) {
    if (tls !== undefined) return undefined;
    return `passwords and tokens come to ${host} unencrypted: set tls, see docs/security.md`;
  }
  const areClientsCertified =
    tls?.clientCaFile !== undefined && tls.clientCertificates !== 'optional';
  if (areClientsCertified) return undefined;
  if (insecure) {
    return `INSECURE: whoever reaches ${host} may do everything; nothing asks who calls, see docs/security.md`;
  }
  throw invalidArgument(
    `host is ${JSON.stringify(host)}, where others can reach it, and nothing asks who they are: set ` +
      'auth.mode to required, or listen at 127.0.0.1; within a network that you trust, say ' +
      '--insecure, or insecure: true (docs/security.md)',
  );
}

function isLoopback(host: string): boolean {
  if (host === 'localhost' || host === '::1') return true;
  return isIP(host) === 4 && host.startsWith('127.');
}
