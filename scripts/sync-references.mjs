// Writes the project references of every package from its workspace dependencies, so that
// `tsc -b` knows the build order. `--check` only reports what would change.
import { readFileSync, writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';

import { format, resolveConfig } from 'prettier';

import { root, workspacePackages } from './lib/workspace.mjs';

const checkOnly = process.argv.includes('--check');
const packages = workspacePackages();
const folderOf = new Map(packages.map(({ folder, manifest }) => [manifest.name, folder]));

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

for (const { folder, manifest } of packages) {
  const { dependencies, devDependencies } = manifest;
  await setReferences(join(folder, 'tsconfig.build.json'), referencesOf(folder, dependencies));
  await setReferences(join(folder, 'tsconfig.test.json'), [
    './tsconfig.build.json',
    ...referencesOf(folder, dependencies, devDependencies),
  ]);
}
await setReferences(join(root, 'tsconfig.json'), [
  ...packages.map(({ folder }) => `./${relative(root, folder)}`),
  './tools',
]);

if (stale.length > 0) {
  console.log(`${checkOnly ? 'stale' : 'updated'} project references:\n  ${stale.join('\n  ')}`);
  if (checkOnly) {
    console.log('Run `node scripts/sync-references.mjs` and commit the result.');
    process.exitCode = 1;
  }
}
