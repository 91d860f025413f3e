import { mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import type { ExecutorError } from '@spider/core';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { ExecutorChild } from './executor-child.ts';

let root = '';
let packageDir = '';
let executor: ExecutorChild;

beforeEach(() => {
  root = realpathSync(mkdtempSync(join(tmpdir(), 'spider-executor-')));
  packageDir = join(root, 'packages');
  mkdirSync(packageDir);
  executor = new ExecutorChild({ SPIDER_TDL_PACKAGE_DIR: packageDir });
});

afterEach(async () => {
  await executor[Symbol.asyncDispose]();
  rmSync(root, { recursive: true });
});

function put(path: string, text: string): void {
  const file = join(packageDir, path);
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, text);
}

/** A package whose only task answers with one byte; written by hand, so that it needs no library. */
const packageText = (name: string, answer: number, minor = 1): string => `
  export default {
    [Symbol.for('spider.tdl.package')]: {
      name: ${JSON.stringify(name)},
      tdlVersion: { major: 0, minor: ${minor}, patch: 7 },
      execute: () => Uint8Array.of(${answer}),
    },
  };`;

const load = (packageName: string): Promise<Uint8Array | ExecutorError> =>
  executor.call({ packageName, functionName: 'any' });

const answer = (byte: number): Uint8Array => Uint8Array.of(byte);
const invalid = (message: string): ExecutorError => ({
  kind: 'InvalidLibrary',
  message: expect.stringContaining(message) as string,
});

describe('a package is loaded', () => {
  test('from what its package.json exports, or else names as main', async () => {
    const main = { main: './main.js' };
    const manifests = {
      text: { exports: './lib/text.js', ...main },
      conditions: { exports: { types: './x.d.ts', import: './lib/conditions.js' }, ...main },
      path: {
        exports: { '.': { browser: './no.js', default: './lib/path.js' }, './x': './no.js' },
      },
      nested: { exports: { '.': { node: { import: './lib/nested.js' }, default: './no.js' } } },
      main,
    };
    for (const [i, [name, manifest]] of Object.entries(manifests).entries()) {
      put(`${name}/package.json`, JSON.stringify({ type: 'module', ...manifest }));
      put(name === 'main' ? 'main/main.js' : `${name}/lib/${name}.js`, packageText(name, i));
      expect(await load(name)).toEqual(answer(i));
    }
  });

  test('from index.js or index.ts without one', async () => {
    put('script/index.js', packageText('script', 1));
    expect(await load('script')).toEqual(answer(1));
    put(
      'typed/index.ts',
      `const answer: number = 2;\n${packageText('typed', 2)}\nexport { answer };`,
    );
    expect(await load('typed')).toEqual(answer(2));
  });

  test('through a link to another place among the packages', async () => {
    put('.store/linked-1.0.0/index.js', packageText('linked', 1));
    symlinkSync(join(packageDir, '.store/linked-1.0.0'), join(packageDir, 'linked'));
    expect(await load('linked')).toEqual(answer(1));
  });

  test('once, and again only if it could not be found', async () => {
    put(
      'once/index.js',
      `globalThis.loads = (globalThis.loads ?? 0) + 1;${packageText('once', 0)}`.replace(
        'Uint8Array.of(0)',
        'Uint8Array.of(globalThis.loads)',
      ),
    );
    expect(await load('once')).toEqual(answer(1));
    expect(await load('once')).toEqual(answer(1));

    expect(await load('late')).toMatchObject({
      kind: 'InvalidLibrary',
    });
    put('late/index.js', packageText('late', 9));
    expect(await load('late')).toEqual(answer(9));
  });
});

describe('a package is refused', () => {
  test('if its name is no plain name of a folder', async () => {
    put('x/index.js', packageText('x', 1));
    for (const name of ['', '.', '..', '../packages/x', 'x/y', '/etc', 'x\0', '.x']) {
      expect(await load(name)).toEqual(invalid('is no name of a task package'));
    }
  });

  test('if a link leads out of the folder of packages', async () => {
    mkdirSync(join(root, 'outside'));
    writeFileSync(join(root, 'outside/index.js'), packageText('outside', 1));
    symlinkSync(join(root, 'outside'), join(packageDir, 'outside'));
    expect(await load('outside')).toEqual(invalid('package outside leads out of'));

    put('file/package.json', '{"type":"module"}');
    symlinkSync(join(root, 'outside/index.js'), join(packageDir, 'file/index.js'));
    expect(await load('file')).toEqual(invalid('package file leads out of'));

    put('escaping/package.json', '{"main":"../../outside/index.js"}');
    expect(await load('escaping')).toEqual(invalid('package escaping leads out of'));
  });

  test('if there is none, or no module of one', async () => {
    expect(await load('absent')).toEqual(invalid('there is no folder absent in'));
    mkdirSync(join(packageDir, 'empty'));
    expect(await load('empty')).toEqual(invalid('has neither an exports or main entry'));
    put('broken/package.json', '{');
    expect(await load('broken')).toEqual(invalid('package.json is no JSON'));
    put('missing/package.json', '{"main":"gone.js"}');
    expect(await load('missing')).toEqual(invalid('there is no file gone.js in package missing'));
    put('dependent/index.js', `import 'not-installed';${packageText('dependent', 1)}`);
    expect(await load('dependent')).toEqual(invalid('not-installed'));
    put('syntax/index.js', 'export default {;');
    expect(await load('syntax')).toEqual(invalid('SyntaxError'));
    put('other/index.js', 'export default { name: "other", tasks: [] };');
    expect(await load('other')).toEqual(invalid('does not export a task package by default'));
  });

  test('if it is named otherwise than its folder', async () => {
    put('folder/index.js', packageText('inside', 1));
    expect(await load('folder')).toEqual(
      invalid('the folder folder holds a package that is named inside'),
    );
    put('inside/index.js', packageText('inside', 1));
    expect(await load('inside')).toEqual(answer(1));
    expect(await load('folder')).toEqual({
      kind: 'DuplicatePackage',
      message: 'the folder folder holds package inside, which is loaded already',
    });
  });

  test('if it is built for another version', async () => {
    put('new/index.js', packageText('new', 1, 2));
    expect(await load('new')).toEqual({
      kind: 'IncompatibleVersion',
      packageVersion: { major: 0, minor: 2, patch: 7 },
      executorVersion: { major: 0, minor: 1, patch: 0 },
    });
  });

  test('if its own code fails', async () => {
    put('failing/index.js', 'throw new Error("no licence");');
    expect(await load('failing')).toEqual({
      kind: 'PackageInitError',
      error: { kind: 'Custom', message: expect.stringContaining('Error: no licence') as string },
    });
  });
});

/** A package with an init hook, and a task that counts how often it was called. */
const packageWithInit = (name: string, init: string): string => `
  let calls = 0;
  export default {
    [Symbol.for('spider.tdl.package')]: {
      name: ${JSON.stringify(name)},
      tdlVersion: { major: 0, minor: 1, patch: 7 },
      init: ${init},
      execute: () => Uint8Array.of(calls),
    },
  };`;

describe('an init hook', () => {
  test('is awaited before the first task, and called once', async () => {
    const init = 'async () => { await new Promise(setImmediate); calls += 1; }';
    put('eager/index.js', packageWithInit('eager', init));
    expect(await load('eager')).toEqual(answer(1));
    expect(await load('eager')).toEqual(answer(1));
  });

  test('that fails fails its task, and is called again for the next one', async () => {
    const init = '() => { calls += 1; if (calls < 3) throw new Error(`attempt ${calls}`); }';
    put('moody/index.js', packageWithInit('moody', init));
    const failed = (text: string): ExecutorError => ({
      kind: 'PackageInitError',
      error: { kind: 'Custom', message: expect.stringContaining(text) as string },
    });
    expect(await load('moody')).toEqual(failed('Error: attempt 1'));
    expect(await load('moody')).toEqual(failed('Error: attempt 2'));
    expect(await load('moody')).toEqual(answer(3));
    expect(await load('moody')).toEqual(answer(3));
  });
});
