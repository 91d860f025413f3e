// Writes the project references of every package from its workspace dependencies, so that
// `tsc -b` knows the build order. `--check` only reports what would change.
import { readdirSync, readFileSync, writeFileSync, existsSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';

import { format, resolveConfig } from 'prettier';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const checkOnly = process.argv.includes('--check');
const readJson = (path) => JSON.parse(readFileSync(path, 'utf8'));

const folderOf = new Map();
for (const group of ['packages', 'apps', 'examples', 'tests']) {
  for (const name of readdirSync(join(root, group)).sort()) {
    const folder = join(root, group, name);
    if (existsSync(join(folder, 'package.json'))) {
      folderOf.set(readJson(join(folder, 'package.json')).name, folder);
    }
  }
}

const stale = [];

async function setReferences(path, references) {
  const before = readFileSync(path, 'utf8');
  const config = { ...JSON.parse(before), references: references.map((to) => ({ path: to })) };
  if (JSON.stringify(config) === JSON.stringify(JSON.parse(before))) return;
  stale.push(relative(root, path));
  if (checkOnly) return;
  const options = { ...(await resolveConfig(path)), filepath: path };
  writeFileSync(path, await format(JSON.stringify(config), options));
}

function referencesOf(folder, ...dependencyMaps) {
  return [...new Set(dependencyMaps.flatMap((map) => Object.keys(map ?? {})))]
    .filter((name) => folderOf.has(name))
    .sort()
    .map((name) => `${relative(folder, folderOf.get(name))}/tsconfig.build.json`);
}

for (const folder of folderOf.values()) {
  const { dependencies, devDependencies } = readJson(join(folder, 'package.json'));
  await setReferences(join(folder, 'tsconfig.build.json'), referencesOf(folder, dependencies));
  await setReferences(join(folder, 'tsconfig.test.json'), [
    './tsconfig.build.json',
    ...referencesOf(folder, dependencies, devDependencies),
  ]);
}
await setReferences(join(root, 'tsconfig.json'), [
  ...[...folderOf.values()].map((folder) => `./${relative(root, folder)}`),
  './tools',
]);

if (stale.length > 0) {
  console.log(`${checkOnly ? 'stale' : 'updated'} project references:\n  ${stale.join('\n  ')}`);
  if (checkOnly) {
    console.log('Run `node scripts/sync-references.mjs` and commit the result.');
    process.exitCode = 1;
  }
}
