import { ConnectError, createClient } from '@connectrpc/connect';
import { HealthService, ServingStatus } from '@spider/proto';
import { endpointUrl, type Endpoint } from '../rpc/endpoint.ts';
import type { ServerTls } from '../rpc/tls/server-tls.ts';
import { createTransport } from '../rpc/transport.ts';

/** How long a server may take to say how it is. */
const TIMEOUT_MS = 3_000;

export interface HealthAnswer {
  readonly isServing: boolean;
  /** For people: what was asked, and the answer or why there is none. */
  readonly text: string;
}

/** A server of this machine. */
export interface LocalServer extends Endpoint {
  readonly tls?: ServerTls | undefined;
}

/**
 * Asks the server that listens at this endpoint of this machine whether it serves. One with TLS is known
 * by its own certificate, which also is what is shown if it asks for one.
 */
export async function askHealth({ host, port, tls }: LocalServer): Promise<HealthAnswer> {
  const scheme = tls === undefined ? 'http' : 'https';
  const url = endpointUrl({ host: THIS_MACHINE.get(host) ?? host, port }, scheme);
  using transport = createTransport({
    url,
    connectTimeoutMs: TIMEOUT_MS,
    tls: tls && { ...tls, pinnedFile: tls.certFile },
  });
  try {
    const client = createClient(HealthService, transport);
    const { status } = await client.check({}, { timeoutMs: TIMEOUT_MS });
    const isServing = status === ServingStatus.SERVING;
    return { isServing, text: `${url} ${isServing ? 'serves' : 'is there, and does not serve'}` };
  } catch (error) {
    return { isServing: false, text: `${url}: ${ConnectError.from(error).rawMessage}` };
  }
}

/** Who listens at all addresses is asked at the one that needs no network. */
const THIS_MACHINE: ReadonlyMap<string, string> = new Map([
  ['0.0.0.0', '127.0.0.1'],
  ['::', '::1'],
]);
