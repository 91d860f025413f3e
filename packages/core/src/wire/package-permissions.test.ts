import { expect, test } from 'vitest';
import { askedPermissions } from './package-permissions.ts';

test('a package asks in its package.json, and most ask for nothing', () => {
  expect(askedPermissions({ spider: { permissions: ['workers', 'sqlite'] } })).toEqual([
    'workers',
    'sqlite',
  ]);
  for (const manifest of [undefined, null, 'text', {}, { spider: {} }, { spider: 1 }]) {
    expect(askedPermissions(manifest)).toEqual([]);
  }
});

test.each([
  [{ permissions: 'workers' }, 'spider.permissions is no list'],
  [{ permissions: ['root'] }, 'spider.permissions has "root", which is none of child_process,'],
  [{ permissions: [1] }, 'spider.permissions has 1'],
])('%j is refused', (spider, message) => {
  expect(() => askedPermissions({ spider })).toThrow(message);
});
