import { existsSync, readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { readTestMap, repositoryPath } from '../src/index.ts';

const rows = readTestMap(readFileSync(repositoryPath('docs/test-map.md'), 'utf8'));
const mapped = rows.filter(({ note }) => note === undefined);

describe('the map of tests', () => {
  test('has each test of the reference once, and few that wait for something', () => {
    const names = rows.map(({ theirs }) => theirs);
    expect(new Set(names).size).toBe(names.length);
    expect(names.length).toBeGreaterThanOrEqual(342);
    expect(rows.length - mapped.length).toBeLessThanOrEqual(4);
  });

  test.each(mapped)('$theirs', ({ ours }) => {
    expect(ours).not.toEqual([]);
    for (const { file, title } of ours) {
      expect(existsSync(repositoryPath(file)), file).toBe(true);
      const source = readFileSync(repositoryPath(file), 'utf8');
      const isThere = ["'", '"', '`'].some((quote) => source.includes(quote + (title ?? '')));
      expect(isThere, `${file} has a test that is called ${title}`).toBe(true);
    }
  });
});
