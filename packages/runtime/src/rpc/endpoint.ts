import { isIPv6 } from 'node:net';

export interface Endpoint {
  readonly host: string;
  readonly port: number;
}

/** The URL under which a service is reached, as `createTransport` takes it. */
export function endpointUrl({ host, port }: Endpoint): string {
  return `http://${isIPv6(host) ? `[${host}]` : host}:${port}`;
}
