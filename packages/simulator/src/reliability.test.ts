import { readFileSync } from 'node:fs';

import { expect, test } from 'vitest';

import { CHECKERS } from './checkers/checkers.ts';
import { PLANTED_BUGS } from './planted-bugs.ts';

const text = readFileSync(new URL('../../../docs/reliability.md', import.meta.url), 'utf8');
const rows = new Map(
  [...text.matchAll(/^\| `([a-z-]+)` +\| (.+?) +\|$/gm)].map(([, name, promise]) => [
    name,
    promise,
  ]),
);

test('the guide lists every promise that is watched, in its words', () => {
  for (const { name, promise } of CHECKERS) expect(rows.get(name)).toBe(promise);
  for (const { checker } of Object.values(PLANTED_BUGS))
    expect([...rows.keys()]).toContain(checker);
});
