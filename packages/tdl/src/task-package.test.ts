import { readFileSync } from 'node:fs';
import { describe, expect, expectTypeOf, test, vi } from 'vitest';
import {
  boolean,
  checkPackageName,
  definePackage,
  defineTask,
  float64,
  int32,
  isCompatible,
  list,
  repeat,
  string,
  type TaskContext,
  taskPackageEntry,
  TDL_VERSION,
  tuple,
} from './index.ts';

const add = defineTask({
  name: 'math::add',
  inputs: [float64, float64],
  outputs: [float64],
  run: (_context, a, b) => a + b,
});

const nothing = () =>
  defineTask({ name: 'nothing', inputs: [], outputs: [], run: () => undefined });

test('a task has all that a graph needs once a package lists it', () => {
  expect(() => add.packageName).toThrow(
    'task math::add belongs to no package: list it in definePackage({ tasks: […] })',
  );
  const math = definePackage({ name: 'math', version: '1.2.3', tasks: [add] });
  expect(math).toMatchObject({ name: 'math', version: '1.2.3', tasks: [add] });
  expect(add).toMatchObject({
    packageName: 'math',
    functionName: 'math::add',
    inputs: [float64, float64],
    outputs: [float64],
    policy: { maxRetries: 0, maxInstances: 1, softTimeoutMs: 150_000, hardTimeoutMs: 300_000 },
  });
});

describe('a package refuses', () => {
  test('two tasks of one name', () => {
    const tasks = [nothing(), nothing()];
    expect(() => definePackage({ name: 'twice', version: '1', tasks })).toThrow(
      'package twice has two tasks named nothing',
    );
  });

  test('a task of another package', () => {
    const tasks = [nothing()];
    definePackage({ name: 'first', version: '1', tasks });
    expect(() => definePackage({ name: 'second', version: '1', tasks })).toThrow(
      'task nothing is in package first already',
    );
  });

  test.each([
    '',
    '.',
    '..',
    'a/b',
    'a\\b',
    '../a',
    '/a',
    '.a',
    '-a',
    'a b',
    'a\0',
    'ä',
    'a'.repeat(257),
  ])('the name %j', (name) => {
    const define = () => definePackage({ name, version: '1', tasks: [] });
    expect(define).toThrow('is no name of a task package');
  });

  test.each(['nn', 'spider-trace', 'a.b_c', '0', 'a'.repeat(256)])('not the name %j', (name) => {
    expect(() => checkPackageName(name)).not.toThrow();
  });
});

test('the policy of a task fills in what is left out, and must make sense', () => {
  const policyOf = (policy: NonNullable<Parameters<typeof defineTask>[0]['policy']>) =>
    defineTask({ name: 'p', inputs: [], outputs: [], policy, run: () => undefined }).policy;
  expect(policyOf({ retries: 3, instances: 2 })).toMatchObject({ maxRetries: 3, maxInstances: 2 });
  expect(policyOf({ hardTimeoutMs: 10_000 })).toMatchObject({
    softTimeoutMs: 5_000,
    hardTimeoutMs: 10_000,
  });
  expect(policyOf({ softTimeoutMs: 200_000 })).toMatchObject({ hardTimeoutMs: 400_000 });
  expect(policyOf({ hardTimeoutMs: 150 })).toMatchObject({ softTimeoutMs: 100 });
  expect(() => policyOf({ retries: -1 })).toThrow('maxRetries is -1');
  expect(() => policyOf({ hardTimeoutMs: 100 })).toThrow('must be greater than softTimeoutMs');
});

test('an executor finds a package by its brand, whichever copy made it', () => {
  const made = definePackage({ name: 'branded', version: '1', tasks: [] });
  expect(taskPackageEntry(made)).toMatchObject({ name: 'branded', tdlVersion: TDL_VERSION });
  const foreign = { [Symbol.for('spider.tdl.package')]: { name: 'foreign' } };
  expect(taskPackageEntry(foreign)).toEqual({ name: 'foreign' });
  for (const other of [undefined, null, 1, {}, { name: 'x', tasks: [] }]) {
    expect(taskPackageEntry(other)).toBeUndefined();
  }
});

test('the version of the SDK is that of its package', () => {
  const manifest = new URL('../package.json', import.meta.url);
  const { version } = JSON.parse(readFileSync(manifest, 'utf8')) as { version: string };
  expect(`${TDL_VERSION.major}.${TDL_VERSION.minor}.${TDL_VERSION.patch}`).toBe(version);
});

test('before 1.0.0 minor versions are not compatible, afterwards they are', () => {
  const version = (major: number, minor: number, patch = 0) => ({ major, minor, patch });
  expect(isCompatible(version(0, 1, 9), version(0, 1))).toBe(true);
  expect(isCompatible(version(0, 2), version(0, 1))).toBe(false);
  expect(isCompatible(version(1, 2), version(1, 9))).toBe(true);
  expect(isCompatible(version(2, 0), version(1, 0))).toBe(false);
});

test('TypeScript knows what a task takes and returns', () => {
  expectTypeOf(add.run).parameters.toEqualTypeOf<[TaskContext, number, number]>();
  expectTypeOf(add.run).returns.toEqualTypeOf<number | Promise<number>>();
  const several = defineTask({
    name: 'several',
    inputs: [list(string)],
    outputs: [int32, boolean],
    run: async (_context, words) => [words.length, true] as const,
  });
  expectTypeOf(several.run).returns.toEqualTypeOf<
    readonly [number, boolean] | Promise<readonly [number, boolean]>
  >();
  defineTask({
    name: 'wrong',
    inputs: [string],
    outputs: [float64],
    // @ts-expect-error a text is no float64
    run: (_context, text) => text,
  });
  expectTypeOf(repeat(float64, 2)).toEqualTypeOf<readonly [typeof float64, typeof float64]>();
  expect(repeat(float64, 2)).toEqual([float64, float64]);
  expect(tuple(3, (k) => k * k)).toEqual([0, 1, 4]);
});

test('a package prepares what its tasks share when an executor has it do so', async () => {
  const init = vi.fn<() => Promise<void>>(() => Promise.resolve());
  const entry = taskPackageEntry(definePackage({ name: 'p', version: '1', tasks: [], init }));
  expect(init).not.toHaveBeenCalled();
  await entry?.init?.();
  expect(init).toHaveBeenCalledOnce();
  const without = taskPackageEntry(definePackage({ name: 'p', version: '1', tasks: [] }));
  expect(without?.init?.()).toBeUndefined();
});
