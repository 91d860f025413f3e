import type { ContextValues } from '@connectrpc/connect';
import { SpiderError } from '@spider/core';

import type { CallGuard } from '../rpc/call-guard.ts';
import { peerOf } from '../rpc/peer.ts';
import { ACCESS_TABLE } from './access-table.ts';
import { type Identity, noteIdentity, refusal } from './identity.ts';
import { adminTokenSource, clusterTokenSource, readTokens } from './secret-tokens.ts';
import { TokenRing } from './token-ring.ts';

/** How a server finds out who calls. */
export interface AuthOptions {
  /** Whether calls of nobody are refused. */
  readonly mode: 'open' | 'required';
  readonly clusterTokenFile: string | undefined;
  readonly adminTokenFile: string | undefined;
  /** Names of client certificates that stand for processes of the cluster. */
  readonly clusterCertificates: readonly string[];
}

const BEARER = 'Bearer ';
const NONE = new TokenRing([]);

/**
 * Tells processes of the cluster, administrators and, by means of what it is given, resource groups
 * from each other, and refuses calls that are not for them.
 */
export class Authenticator {
  readonly #options: AuthOptions;
  readonly #env: NodeJS.ProcessEnv;
  #cluster: TokenRing = NONE;
  #administrators: TokenRing = NONE;

  private constructor(options: AuthOptions, env: NodeJS.ProcessEnv) {
    this.#options = options;
    this.#env = env;
  }

  /**
   * @throws SpiderError 'invalid-argument' if a token cannot be read, or calls of processes are to be
   * known and there is nothing to know them by.
   */
  static async open(options: AuthOptions, env: NodeJS.ProcessEnv): Promise<Authenticator> {
    const authenticator = new Authenticator(options, env);
    await authenticator.reload();
    return authenticator;
  }

  get isRequired(): boolean {
    return this.#options.mode === 'required';
  }

  /** The files that `reload` reads. */
  get files(): readonly string[] {
    const { clusterTokenFile, adminTokenFile } = this.#options;
    if (!this.isRequired) return [];
    return [clusterTokenFile, adminTokenFile].filter((file) => file !== undefined);
  }

  /** Reads the tokens anew. What it throws changes nothing. */
  async reload(): Promise<void> {
    const { clusterTokenFile, adminTokenFile, clusterCertificates } = this.#options;
    if (!this.isRequired) return;
    const [cluster, administrators] = await Promise.all([
      readTokens(clusterTokenSource(clusterTokenFile, this.#env, 'auth.cluster_token_file')),
      readTokens(adminTokenSource(adminTokenFile, this.#env)),
    ]);
    if (cluster === undefined && clusterCertificates.length === 0) {
      throw new SpiderError(
        'invalid-argument',
        'auth.mode is required, and nothing tells processes of the cluster: give auth.cluster_token_file, ' +
          'SPIDER_CLUSTER_TOKEN or auth.cluster_certificates',
      );
    }
    this.#cluster = new TokenRing(cluster ?? []);
    this.#administrators = new TokenRing(administrators ?? []);
  }

  /**
   * Refuses calls that are not for who makes them, if that is asked for.
   *
   * @param logIn notes the resource group of a token that is none of the cluster's and no administrator's;
   * throws if it is none of a resource group either. By default there are no resource groups.
   */
  guard(logIn: (token: string, values: ContextValues) => void = refuseToken): CallGuard {
    return (call) => {
      const { method } = call;
      if (ACCESS_TABLE.get(method) === 'anybody' && !LOOKS_WHO.has(method)) return;
      const token = bearer(call.header('authorization'));
      const identity = this.#identify(call, token, logIn);
      noteIdentity(call.values, identity);
      const failure = refusal(method, identity);
      if (failure !== undefined) throw failure;
    };
  }

  #identify(
    call: Parameters<CallGuard>[0],
    token: string | undefined,
    logIn: (token: string, values: ContextValues) => void,
  ): Identity {
    if (token === undefined) {
      const peer = peerOf(call);
      const { clusterCertificates } = this.#options;
      return peer !== undefined && clusterCertificates.some((name) => peer.isCertifiedAs(name))
        ? 'process'
        : 'nobody';
    }
    if (this.#cluster.has(token)) return 'process';
    if (this.#administrators.has(token)) return 'administrator';
    logIn(token, call.values);
    return 'resource-group';
  }
}

/** For anybody, and yet it tells those who have said who they are something. */
const LOOKS_WHO: ReadonlySet<string> = new Set(['spider.v1.LoginService/WhoAmI']);

function bearer(authorization: string | null): string | undefined {
  if (authorization === null) return undefined;
  if (authorization.startsWith(BEARER)) return authorization.slice(BEARER.length);
  throw new SpiderError('unauthenticated', 'authorization: does not begin with "Bearer "');
}

function refuseToken(): never {
  throw new SpiderError('unauthenticated', 'authorization: the token is none of this cluster');
}
