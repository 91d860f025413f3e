import { readFile } from 'node:fs/promises';
import { LIMITS } from '@spider/core';
import { expect, test } from 'vitest';
import { storageConfigSchema } from './config.ts';

const UNITS = [
  ['GiB', 2 ** 30],
  ['MiB', 2 ** 20],
  ['KiB', 2 ** 10],
  ['B', 1],
] as const;

/** A value as the document writes it. */
function format(name: string, value: number): string {
  if (/bytes$/i.test(name)) {
    const [unit, size] = UNITS.find(([, bytes]) => value % bytes === 0) ?? ['B', 1];
    return `${(value / size).toLocaleString('en-US')} ${unit}`;
  }
  const isTime = /Ms(Min|Max)?$|_ms$/.test(name);
  return `${value.toLocaleString('en-US')}${isTime ? ' ms' : ''}`;
}

/** The first two columns of the document's tables. */
async function documented(): Promise<Record<string, string>> {
  const path = new URL('../../../docs/limits.md', import.meta.url);
  const rows = (await readFile(path, 'utf8')).matchAll(/^\| `(\w+)` +\| ([^|]+?) +\|/gm);
  const values: Record<string, string> = {};
  for (const [, name = '', value = ''] of rows) {
    expect(values, `${name} is there twice`).not.toHaveProperty(name);
    values[name] = value;
  }
  return values;
}

test('docs/limits.md has every limit, with its value', async () => {
  const { limits } = storageConfigSchema.parse({}).runtime;
  const expected: Record<string, string> = {};
  for (const [name, value] of Object.entries({ ...LIMITS, ...limits })) {
    expected[name] = format(name, value);
  }
  expect(await documented()).toEqual(expected);
});
