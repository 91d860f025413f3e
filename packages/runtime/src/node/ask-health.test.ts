import { silentLogger } from '@spider/runtime';
import { describe, expect, it } from 'vitest';
import { Health } from '../rpc/health.ts';
import { startRpcServer } from '../rpc/server.ts';
import { askHealth } from './ask-health.ts';

describe('asking a server for its health', () => {
  it('tells whether it serves, also of one that listens at all addresses', async () => {
    const health = new Health([]);
    const server = await startRpcServer({
      host: '127.0.0.1',
      port: 0,
      routes: () => undefined,
      logger: silentLogger,
      health,
    });
    const { port } = server;
    const url = `http://127.0.0.1:${port}`;
    const asked = { host: '0.0.0.0', port };
    const waits = { isServing: false, text: `${url} is there, and does not serve` };
    expect(await askHealth(asked)).toEqual(waits);
    health.isServing = true;
    expect(await askHealth(asked)).toEqual({ isServing: true, text: `${url} serves` });
    await server.close();
    expect(await askHealth(asked)).toEqual({
      isServing: false,
      text: expect.stringMatching(`^${url}: .*ECONNREFUSED`) as string,
    });
  });
});
