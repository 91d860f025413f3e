import { z } from 'zod';

import type { ClientTls } from '../rpc/tls/client-tls.ts';
import type { ServerTls } from '../rpc/tls/server-tls.ts';

const file = z.string().min(1);

/** `tls` of a server: it speaks TLS and nothing else. */
export const serverTlsSchema = z.object({
  /** The server's certificate and its private key, in PEM. */
  cert_file: file,
  key_file: file,
  /** Clients have to show a certificate of one of these authorities. */
  client_ca_file: file.optional(),
  /** `optional`: those without a certificate are let in and have to show a token instead. */
  client_certificates: z.enum(['required', 'optional']).default('required'),
});

/** The same section as the process uses it. */
export const toServerTls = (
  tls: z.output<typeof serverTlsSchema> | undefined,
): ServerTls | undefined =>
  tls && {
    certFile: tls.cert_file,
    keyFile: tls.key_file,
    clientCaFile: tls.client_ca_file,
    clientCertificates: tls.client_certificates,
  };

/** `tls` of what connects to servers: it speaks to them by TLS and nothing else. */
export const clientTlsSchema = z
  .object({
    /** Authorities that servers' certificates may be of; those that Node brings by default. */
    ca_file: file.optional(),
    /** Its own certificate and private key, for servers that ask for one. */
    cert_file: file.optional(),
    key_file: file.optional(),
    /** The name that the certificates of servers have, if it is not their host. */
    server_name: z.string().min(1).optional(),
  })
  .refine((tls) => (tls.cert_file === undefined) === (tls.key_file === undefined), {
    path: ['cert_file'],
    message: 'needs key_file, and key_file needs it',
  });

/** The same section as the process uses it. */
export const toClientTls = (
  tls: z.output<typeof clientTlsSchema> | undefined,
): ClientTls | undefined =>
  tls && {
    caFile: tls.ca_file,
    certFile: tls.cert_file,
    keyFile: tls.key_file,
    serverName: tls.server_name,
  };
