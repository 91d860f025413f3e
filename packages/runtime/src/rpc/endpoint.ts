import { isIPv6 } from 'node:net';

export interface Endpoint {
  readonly host: string;
  readonly port: number;
}

/** The URL under which a service is reached, as `createTransport` takes it. */
export function endpointUrl({ host, port }: Endpoint, scheme: 'http' | 'https' = 'http'): string {
  return `${scheme}://${isIPv6(host) ? `[${host}]` : host}:${port}`;
}

/** The same of several, which have TLS all or none. */
export const endpointUrls = (endpoints: readonly Endpoint[], hasTls: boolean): readonly string[] =>
  endpoints.map((endpoint) => endpointUrl(endpoint, hasTls ? 'https' : 'http'));
