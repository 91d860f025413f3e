import { expect, it } from 'vitest';

import { checkExposure, type Exposure } from './exposure.ts';

const certificates = { certFile: 'a', keyFile: 'b' };
const check = (exposure: Partial<Exposure>): string | undefined =>
  checkExposure({
    host: '0.0.0.0',
    tls: undefined,
    isAuthRequired: false,
    insecure: false,
    ...exposure,
  });

it.each(['127.0.0.1', '127.1.2.3', '::1', 'localhost'])(
  'a server at %s may be open to all of its machine',
  (host) => {
    expect(check({ host })).toBeUndefined();
  },
);

it.each(['0.0.0.0', '::', '10.0.0.1', 'spider-storage', '127.example', ''])(
  'a server at "%s" has to ask who calls',
  (host) => {
    expect(() => check({ host })).toThrow(/set auth\.mode to required, or listen at 127\.0\.0\.1/);
    expect(() => check({ host, tls: certificates })).toThrow(/nothing asks who they are/);
  },
);

it('may say that it does not ask, loudly', () => {
  expect(check({ insecure: true })).toMatch(
    /^INSECURE: whoever reaches 0\.0\.0\.0 may do everything/,
  );
});

it('asks by tokens, which should not go unencrypted, or by certificates that all have to show', () => {
  expect(check({ isAuthRequired: true })).toMatch(/^passwords and tokens come .* unencrypted/);
  expect(check({ isAuthRequired: true, tls: certificates })).toBeUndefined();
  expect(check({ tls: { ...certificates, clientCaFile: 'c' } })).toBeUndefined();
  const tls = { ...certificates, clientCaFile: 'c', clientCertificates: 'optional' } as const;
  expect(() => check({ tls })).toThrow(/nothing asks who they are/);
});
