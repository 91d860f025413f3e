import { spawn } from 'node:child_process';
import { join } from 'node:path';

import { toolEnv } from './turbo.mjs';
import { workspacePackages } from './workspace.mjs';

/** The packages of the workspace that users install: all that are not private. */
const publishedPackages = () =>
  workspacePackages().filter(({ manifest }) => manifest.private !== true);

/**
 * Packs all of them into `folder`, as they would be published; what is compiled must be there.
 * Returns the name, the manifest and the tarball of each.
 */
export async function packPackages(folder) {
  const packages = publishedPackages();
  const packed = [];
  const next = packages[Symbol.iterator]();
  const work = async () => {
    for (const one of next) packed.push(await pack(one, folder));
  };
  await Promise.all([work(), work()]);
  return packed.toSorted((a, b) => a.name.localeCompare(b.name));
}

function pack({ folder: cwd, manifest }, destination) {
  const { name, version } = manifest;
  const file = join(destination, `${name.slice(1).replace('/', '-')}-${version}.tgz`);
  return new Promise((resolve, reject) => {
    const child = spawn('pnpm', ['pack', '--out', file], {
      cwd,
      env: toolEnv(),
      stdio: ['ignore', 'ignore', 'inherit'],
      shell: process.platform === 'win32',
    });
    child.once('error', reject);
    child.once('close', (code) => {
      if (code === 0) resolve({ name, manifest, file });
      else reject(new Error(`pnpm pack of ${name} ended with code ${code}`));
    });
  });
}
