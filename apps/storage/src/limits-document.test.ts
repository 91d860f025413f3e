import { readFile } from 'node:fs/promises';
import { LIMITS } from '@spider/core';
import { schedulerFileSchema } from '@spider/scheduler';
import { storageConfigSchema } from '@spider/storage';
import { expect, test } from 'vitest';

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

const SCHEDULER = '## The limits of a scheduler';

/** The first two columns of the document's tables: the scheduler's own, and all others. */
async function documented(): Promise<Record<'scheduler' | 'others', Record<string, string>>> {
  const path = new URL('../../../docs/limits.md', import.meta.url);
  const tables = { scheduler: {}, others: {} };
  for (const section of (await readFile(path, 'utf8')).split(/^(?=## )/m)) {
    const values: Record<string, string> = section.startsWith(SCHEDULER)
      ? tables.scheduler
      : tables.others;
    for (const [, name = '', value = ''] of section.matchAll(/^\| `(\w+)` +\| ([^|]+?) +\|/gm)) {
      expect(values, `${name} is there twice`).not.toHaveProperty(name);
      values[name] = value;
    }
  }
  return tables;
}

const formatted = (limits: Readonly<Record<string, number>>): Record<string, string> =>
  Object.fromEntries(Object.entries(limits).map(([name, value]) => [name, format(name, value)]));

test('docs/limits.md has every limit, with its value', async () => {
  const storage = storageConfigSchema.parse({}).runtime.limits;
  const { runtime } = schedulerFileSchema.parse({ storage_endpoint: { host: 'storage', port: 1 } });
  expect(await documented()).toEqual({
    scheduler: formatted(runtime.limits),
    others: formatted({ ...LIMITS, ...storage }),
  });
});
