// Fails when the committed code in packages/proto/src/gen is not what the .proto files generate.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';

import { run, toolEnv } from './lib/turbo.mjs';
import { root } from './lib/workspace.mjs';

const genPath = 'packages/proto/src/gen';
const bufBin = join(root, 'packages/proto/node_modules/.bin');

function readTree(folder) {
  if (!existsSync(folder)) return new Map();
  return new Map(
    readdirSync(folder, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => join(entry.parentPath, entry.name))
      .sort()
      .map((path) => [path.slice(folder.length + 1), readFileSync(path, 'utf8')]),
  );
}

function untrackedFiles() {
  const args = ['ls-files', '--others', '--exclude-standard', genPath];
  const result = spawnSync('git', args, { cwd: root, encoding: 'utf8' });
  return result.status === 0 ? result.stdout.split('\n').filter(Boolean) : [];
}

const problems = [];
const temporary = mkdtempSync(join(tmpdir(), 'spider-generate-'));
try {
  const env = { PATH: `${bufBin}${delimiter}${toolEnv().PATH}` };
  if (run('buf', ['generate', '-o', temporary], { env }) !== 0) process.exit(1);
  const expected = readTree(join(temporary, genPath));
  const actual = readTree(join(root, genPath));
  for (const [path, text] of expected) {
    if (!actual.has(path)) problems.push(`missing: ${genPath}/${path}`);
    else if (actual.get(path) !== text) problems.push(`out of date: ${genPath}/${path}`);
  }
  for (const path of actual.keys()) {
    if (!expected.has(path)) problems.push(`no longer generated: ${genPath}/${path}`);
  }
} finally {
  rmSync(temporary, { recursive: true, force: true });
}
problems.push(...untrackedFiles().map((path) => `not in git: ${path}`));

if (problems.length > 0) {
  console.error(problems.join('\n'));
  console.error('Run `npm run generate` and commit the result.');
  process.exitCode = 1;
}
