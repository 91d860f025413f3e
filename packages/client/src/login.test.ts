import type { HandlerContext } from '@connectrpc/connect';
import { SpiderError, toId } from '@spider/core';
import { JobService, LoginService, type LoginRequest, WireJobState } from '@spider/proto';
import { startRpcServer } from '@spider/runtime';
import { ManualClock } from '@spider/runtime/testing';
import { afterEach, describe, expect, it } from 'vitest';
import { connect, type ConnectOptions, type SpiderClient } from './index.ts';

let stack = new AsyncDisposableStack();

afterEach(async () => {
  await stack.disposeAsync();
  stack = new AsyncDisposableStack();
});

const LIFETIME_MS = 60_000;

/** A storage that numbers its tokens, and notes which ones its calls carry. */
class FakeStorage {
  readonly clock = new ManualClock();
  readonly logins: LoginRequest[] = [];
  readonly tokens: (string | null)[] = [];
  /** Tokens up to this one are worthless. */
  revoked = 0;
  /** What a login is answered with instead of a token. */
  loginError: SpiderError | undefined;
  url = '';

  static async start(): Promise<FakeStorage> {
    const storage = new FakeStorage();
    const server = await startRpcServer({
      routes: (router) => {
        router.service(LoginService, {
          login: (request) => {
            storage.logins.push(request);
            if (storage.loginError !== undefined) throw storage.loginError;
            return {
              resourceGroupId: 3n,
              token: `token ${storage.logins.length}`,
              lifetimeMs: BigInt(LIFETIME_MS),
            };
          },
        });
        router.service(JobService, {
          getJob: (_request, context) => {
            storage.#note(context);
            return { status: { jobId: 1n, state: WireJobState.READY } };
          },
          async *watchJob(_request, context) {
            storage.#note(context);
            yield { status: { jobId: 1n, state: WireJobState.SUCCEEDED } };
          },
        });
      },
    });
    stack.defer(() => server.close({ graceMs: 0 }));
    storage.url = server.url;
    return storage;
  }

  client(options: Partial<ConnectOptions> = {}): SpiderClient {
    const credentials = { resourceGroup: 'nightly', password: 'secret' };
    const { clock } = this;
    return stack.use(connect({ endpoints: [this.url], clock, ...credentials, ...options }));
  }

  #note({ requestHeader }: HandlerContext): void {
    const header = requestHeader.get('authorization');
    this.tokens.push(header);
    const number = Number(/^Bearer token (\d+)$/.exec(header ?? '')?.[1] ?? Infinity);
    if (number <= this.revoked) {
      throw new SpiderError(
        'unauthenticated',
        'authorization: the token has expired: log in again',
      );
    }
  }
}

const statusOf = (client: SpiderClient) => client.job(toId(1)).status();

describe('a client of a resource group', () => {
  it('logs in before its first call, once for all that wait, and shows the token from then on', async () => {
    const storage = await FakeStorage.start();
    const client = storage.client();
    expect(storage.logins).toEqual([]);
    await Promise.all([statusOf(client), statusOf(client), statusOf(client)]);
    await client.job(toId(1)).wait();
    expect(storage.logins).toMatchObject([
      { resourceGroup: { case: 'resourceGroupName', value: 'nightly' } },
    ]);
    expect(Buffer.from(storage.logins[0]?.password ?? []).toString()).toBe('secret');
    expect(new Set(storage.tokens)).toEqual(new Set(['Bearer token 1']));
    expect(storage.tokens.length).toBeGreaterThanOrEqual(4);
  });

  it('renews its token in time, before it ends', async () => {
    const storage = await FakeStorage.start();
    const client = storage.client();
    await statusOf(client);
    storage.clock.advance(LIFETIME_MS * 0.75 - 1);
    await statusOf(client);
    expect(storage.tokens).toEqual(['Bearer token 1', 'Bearer token 1']);
    storage.clock.advance(1);
    await statusOf(client);
    expect(storage.tokens.at(-1)).toBe('Bearer token 2');
  });

  it('logs in again when its token is worth nothing any more', async () => {
    const storage = await FakeStorage.start();
    const client = storage.client();
    await statusOf(client);
    storage.revoked = 1;
    expect(await statusOf(client)).toMatchObject({ jobId: 1n });
    expect(storage.tokens.slice(1)).toEqual(['Bearer token 1', 'Bearer token 2']);
    // But not again and again.
    storage.revoked = 100;
    await expect(statusOf(client)).rejects.toMatchObject({ code: 'unauthenticated' });
    expect(storage.logins).toHaveLength(3);
  });

  it('is told with its first call that the password is wrong, and may be told otherwise later', async () => {
    const storage = await FakeStorage.start();
    const client = storage.client();
    storage.loginError = new SpiderError('unauthenticated', 'no such group and password');
    await expect(statusOf(client)).rejects.toMatchObject({
      code: 'unauthenticated',
      message: 'no such group and password',
    });
    expect(storage.tokens).toEqual([]);
    storage.loginError = undefined;
    await statusOf(client);
    expect(storage.tokens).toEqual(['Bearer token 2']);
  });

  it('gives up waiting for its token when the caller does', async () => {
    const storage = await FakeStorage.start();
    const client = storage.client();
    const signal = AbortSignal.abort(new Error('enough'));
    await expect(client.job(toId(1)).status({ signal })).rejects.toThrow('enough');
    expect(storage.tokens).toEqual([]);
  });
});

it('a client of nobody shows no token', async () => {
  const storage = await FakeStorage.start();
  const client = stack.use(connect({ endpoints: [storage.url] }));
  await statusOf(client);
  expect([storage.tokens, storage.logins]).toEqual([[null], []]);
});

it('half of the credentials are refused at once', () => {
  const endpoints = ['http://127.0.0.1:1'];
  for (const half of [{ resourceGroup: 'nightly' }, { password: 'secret' }]) {
    expect(() => connect({ endpoints, ...half })).toThrow(
      'resourceGroup and password: give both, or neither',
    );
  }
});
