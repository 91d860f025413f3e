import { expect, test } from 'vitest';
import { checkSchemaVersion } from './schema-version.ts';

test.each(['0.1.0', '0.1.7', '0.1.18446744073709551615', '0.1.0+build.007', '0.1.3+-'])(
  '%s is read',
  (version) => {
    expect(() => checkSchemaVersion(version)).not.toThrow();
  },
);

test.each([
  '0.0.0',
  '0.0.9',
  '0.2.0',
  '1.1.0',
  '999.0.0',
  '0.1.0-alpha',
  '0.1.1-rc.1',
  '0.1.1-0.x-y.7+build',
  '0.2.0-alpha',
])('%s is not compatible', (version) => {
  expect(() => checkSchemaVersion(version)).toThrow(
    `incompatible task graph schema version "${version}"`,
  );
});

test.each([
  '',
  '0.1',
  '0.1.0.0',
  'v0.1.0',
  ' 0.1.0',
  '0.1.0\n',
  '00.1.0',
  '0.01.0',
  '0.1.-1',
  '0.1.0-',
  '0.1.0-01',
  '0.1.0-a..b',
  '0.1.0+',
  '0.1.0+a+b',
  '0.1.18446744073709551616',
  `0.1.0+${'a'.repeat(300)}`,
])('%j is no version', (version) => {
  expect(() => checkSchemaVersion(version)).toThrow('invalid task graph schema version');
});
