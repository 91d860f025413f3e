import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { z } from 'zod';

import { loadConfig, parseConfig } from './load-config.ts';

const schema = z.object({
  host: z.string().default('127.0.0.1'),
  port: z.number().int().min(0).max(65_535),
  runtime: z.object({
    lanes: z.array(z.number()).default([]),
    db: z.object({ password: z.string().min(8).optional() }).default({}),
  }),
});

const problemOf = (text: string): string => {
  try {
    parseConfig('spider.yaml', text, schema);
  } catch (error) {
    expect(error).toMatchObject({ name: 'SpiderError', code: 'invalid-argument' });
    return (error as Error).message;
  }
  throw new Error('it was accepted');
};

describe('a configuration', () => {
  let directory: string;

  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'spider-config-'));
  });
  afterEach(() => rmSync(directory, { recursive: true }));

  it('is read from its file, with defaults filled in and unknown keys ignored', async () => {
    const path = join(directory, 'spider.yaml');
    writeFileSync(path, 'port: 50051 # as ever\nruntime: {lanes: [1, 2]}\nunknown: yes\n');

    expect(await loadConfig(path, schema)).toEqual({
      host: '127.0.0.1',
      port: 50_051,
      runtime: { lanes: [1, 2], db: {} },
    });
  });

  it('may be empty where everything has a default', () => {
    expect(
      parseConfig('empty.yaml', '# nothing\n', z.object({ a: z.number().default(1) })),
    ).toEqual({ a: 1 });
  });

  it('that is not there is an error with its path', async () => {
    const path = join(directory, 'missing.yaml');

    await expect(loadConfig(path, schema)).rejects.toThrow(`${path}: cannot be read (ENOENT)`);
  });

  it('is refused with each key, its value and the rule', () => {
    const problem = problemOf('port: "50051"\nruntime: {lanes: [1, two]}\n');

    expect(problem).toMatch(/^spider\.yaml: port is "50051": .*expected number/);
    expect(problem).toMatch(/; runtime\.lanes\.1 is "two": .*expected number/);
  });

  it.each([
    ['port: 70000\nruntime: {}', /port is 70000: .*65535/],
    ['runtime: {}', /port is missing: .*expected number/],
    ['port: 1', /runtime is missing/],
    ['port: [1]\nruntime: {}', /port is a list/],
    ['port: {a: 1}\nruntime: {}', /port is a map/],
    ['port: null\nruntime: {}', /port is null/],
    ['just a text', /the file is "just a text"/],
    [`port: "${'x'.repeat(500)}"\nruntime: {}`, /port is "x{79}…/],
    ['port: 1\nport: 2\nruntime: {}', /keys must be unique/],
    ['port: [1\n', /spider\.yaml: /],
  ])('is refused when it says %j', (text, expected) => {
    expect(problemOf(text)).toMatch(expected);
  });

  it('keeps its secrets', () => {
    const problem = problemOf('port: 1\nruntime: {db: {password: hunter2}}');

    expect(problem).toContain('runtime.db.password is (not shown)');
    expect(problem).not.toContain('hunter2');
  });
});
