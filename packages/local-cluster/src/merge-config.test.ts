import { expect, it } from 'vitest';

import { mergeConfig } from './merge-config.ts';

it('merges maps and replaces everything else, without touching its arguments', () => {
  const base = { host: 'a', runtime: { db: { path: 'x', pool: 3 } }, lanes: [1, 2] };
  const additions = { host: 'b', runtime: { db: { path: 'y' }, more: true }, lanes: [3] };
  const before = structuredClone({ base, additions });

  expect(mergeConfig(base, additions)).toEqual({
    host: 'b',
    runtime: { db: { path: 'y', pool: 3 }, more: true },
    lanes: [3],
  });
  expect({ base, additions }).toEqual(before);
  expect(mergeConfig({ a: { b: 1 } }, { a: 2 })).toEqual({ a: 2 });
});
