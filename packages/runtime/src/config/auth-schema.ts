import { z } from 'zod';

import type { AuthOptions } from '../auth/authenticator.ts';

const MODES = ['open', 'required'] as const;
const CERTIFICATES_MAX = 64;

/** `auth` of a server: whom it asks who they are, and what it knows them by. */
export const authSchema = z.object({
  /** `open`: whoever reaches the server may do everything. `required`: each method is for whom it is for. */
  mode: z.enum(MODES).default('open'),
  /** Tokens of processes of the cluster, one a line; or the variable SPIDER_CLUSTER_TOKEN. */
  cluster_token_file: z.string().min(1).optional(),
  /** Tokens of administrators, one a line; or the variable SPIDER_ADMIN_TOKEN. */
  admin_token_file: z.string().min(1).optional(),
  /** Names in client certificates that stand for processes of the cluster. */
  cluster_certificates: z.array(z.string().min(1).max(253)).max(CERTIFICATES_MAX).default([]),
});

/** The same section as the process uses it. */
export const toAuthOptions = (auth: z.output<typeof authSchema>): AuthOptions => ({
  mode: auth.mode,
  clusterTokenFile: auth.cluster_token_file,
  adminTokenFile: auth.admin_token_file,
  clusterCertificates: auth.cluster_certificates,
});
