import { describe, expect, it } from 'vitest';

import { EndpointList } from './endpoint-list.ts';
import { endpointUrl } from './rpc/endpoint.ts';

describe('EndpointList', () => {
  it('goes round its endpoints as they fail, and stays with one that works', () => {
    const endpoints = new EndpointList(['a', 'b', 'c']);

    expect(endpoints.current).toBe('a');
    expect(endpoints.reportFailure()).toBe('b');
    endpoints.reportSuccess();
    expect(endpoints.current).toBe('b');
    expect(endpoints.reportFailure()).toBe('c');
    expect(endpoints.reportFailure()).toBe('a');
  });

  it('asks for patience only after all of them have failed', () => {
    const endpoints = new EndpointList(['a', 'b']);
    const rounds = Array.from({ length: 5 }, () => {
      endpoints.reportFailure();
      return endpoints.failedRounds;
    });

    expect(rounds).toEqual([0, 1, 1, 2, 2]);
    endpoints.reportSuccess();
    expect(endpoints.failedRounds).toBe(0);
  });

  it('needs at least one', () => {
    expect(() => new EndpointList([])).toThrow('no endpoint');
  });
});

describe('endpointUrl', () => {
  it.each([
    ['127.0.0.1', 'http://127.0.0.1:50051'],
    ['spider-storage', 'http://spider-storage:50051'],
    ['::1', 'http://[::1]:50051'],
  ])('writes %s as a URL', (host, url) => {
    expect(endpointUrl({ host, port: 50_051 })).toBe(url);
  });
});
