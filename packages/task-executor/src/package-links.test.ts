import { mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { checkLinks } from './package-links.ts';

let root = '';
const check = (): void => checkLinks(join(root, 'p'), (path) => path.startsWith(join(root, 'p')));

beforeEach(() => {
  root = realpathSync(mkdtempSync(join(tmpdir(), 'spider-links-')));
  put('p/lib/index.js', '');
});

afterEach(() => {
  rmSync(root, { recursive: true });
});

function put(path: string, text: string): void {
  mkdirSync(dirname(join(root, path)), { recursive: true });
  writeFileSync(join(root, path), text);
}

function link(path: string, target: string): void {
  mkdirSync(dirname(join(root, path)), { recursive: true });
  symlinkSync(target, join(root, path));
}

test('links within the package, to nowhere, or to installed packages do no harm', () => {
  put('work/local/package.json', '{"name":"@scope/local"}');
  put('modules/node_modules/.store/tool/package.json', '{}');
  link('p/inner', join(root, 'p/lib'));
  link('p/lib/nowhere', join(root, 'nowhere'));
  link('p/node_modules/@scope/local', join(root, 'work/local'));
  link('p/node_modules/tool', join(root, 'modules/node_modules/.store/tool'));
  link('p/node_modules/.bin/tool', join(root, 'modules/node_modules/.store/tool/package.json'));
  expect(check).not.toThrow();
});

test.each([
  ['p/data', '/etc'],
  ['p/lib/deep/data', '/etc/hostname'],
  ['p/node_modules/data', '/etc'],
  ['p/node_modules/other-name', 'home'],
  ['p/lib/home', 'home'],
])('%s to %s is refused, with both', (from, to) => {
  put('home/package.json', '{"name":"home"}');
  const target = to === 'home' ? join(root, 'home') : realpathSync(to);
  link(from, target);
  expect(check).toThrow(`leads out of what it may read: ${join(root, from)} to ${target}`);
});
