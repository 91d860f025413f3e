import { create } from '@bufbuild/protobuf';
import type { CallOptions, Transport } from '@connectrpc/connect';
import { invalidArgument } from '@spider/core';
import { LoginRequestSchema, LoginService } from '@spider/proto';
import { createRpcClient } from '@spider/runtime';
import type { Clock } from '@spider/runtime';

/** Whose a client is. */
export interface Credentials {
  /** The name of the resource group. */
  readonly resourceGroup: string;
  readonly password: string;
}

/** What calls say, so that it is known whose they are. */
export interface CallIdentity {
  headers(transport: Transport, options: CallOptions): Promise<Record<string, string>>;
  /** Storage does not take what was said. Answers whether something else can be said instead. */
  forget(): boolean;
}

/** A token that was made elsewhere. */
export class FixedToken implements CallIdentity {
  readonly #headers: Record<string, string>;

  /** @throws SpiderError 'invalid-argument', without the token, if it is none. */
  constructor(token: string) {
    if (!/^[\x21-\x7e]{1,4096}$/.test(token)) {
      throw invalidArgument('token: must be 1 to 4096 characters of ASCII without spaces');
    }
    this.#headers = { authorization: `Bearer ${token}` };
  }

  headers(): Promise<Record<string, string>> {
    return Promise.resolve(this.#headers);
  }

  forget(): boolean {
    return false;
  }
}

/** A token is renewed when this share of its life is over, so that none ends on its way. */
const RENEW_AT = 0.75;

interface Token {
  readonly text: string;
  readonly renewAtUs: number;
}

/** Keeps a token that is valid, and gets a new one in time. */
export class Login implements CallIdentity {
  readonly #credentials: Credentials;
  readonly #clock: Clock;
  #token: Token | undefined;
  #renewal: Promise<Token> | undefined;

  constructor(credentials: Credentials, clock: Clock) {
    this.#credentials = credentials;
    this.#clock = clock;
  }

  /**
   * Logs in first if need be.
   *
   * @throws ConnectError as any call does; unauthenticated if the group or its password is wrong.
   */
  async headers(transport: Transport, options: CallOptions): Promise<Record<string, string>> {
    return { authorization: `Bearer ${await this.#validToken(transport, options)}` };
  }

  forget(): boolean {
    const hadToken = this.#token !== undefined;
    this.#token = undefined;
    return hadToken;
  }

  async #validToken(transport: Transport, options: CallOptions): Promise<string> {
    const token = this.#token;
    if (token !== undefined && this.#clock.monotonicUs() < token.renewAtUs) return token.text;
    options.signal?.throwIfAborted();
    this.#renewal ??= this.#logIn(transport);
    const renewal = this.#renewal;
    // Those who have given up do not hear how it ends.
    renewal.catch(() => undefined);
    return (await orAborted(renewal, options.signal)).text;
  }

  /** One for all calls that wait for it: that one of them is given up does not end it. */
  async #logIn(transport: Transport): Promise<Token> {
    const { resourceGroup, password } = this.#credentials;
    const askedUs = this.#clock.monotonicUs();
    try {
      const { token: text, lifetimeMs } = await createRpcClient(LoginService, transport).login(
        create(LoginRequestSchema, {
          resourceGroup: { case: 'resourceGroupName', value: resourceGroup },
          password: new TextEncoder().encode(password),
        }),
      );
      const renewAtUs = askedUs + Number(lifetimeMs) * 1000 * RENEW_AT;
      this.#token = { text, renewAtUs };
      return this.#token;
    } finally {
      this.#renewal = undefined;
    }
  }
}

async function orAborted<T>(promise: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (signal === undefined) return await promise;
  const { promise: aborted, reject } = Promise.withResolvers<never>();
  const onAbort = (): void => reject(signal.reason as Error);
  signal.addEventListener('abort', onAbort);
  try {
    return await Promise.race([promise, aborted]);
  } finally {
    signal.removeEventListener('abort', onAbort);
  }
}
