import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const run = promisify(execFile);

export const REPOSITORY = fileURLToPath(new URL('../../../..', import.meta.url));

/** A build of this repository. */
export interface Build {
  readonly folder: string;
  /** The commit that it was made from; today's is what lies in the repository now. */
  readonly commit: string;
}

/**
 * Makes a clone of this repository at a commit, with its own dependencies, and compiles it.
 *
 * @throws Error with what git, the set-up or the compiler have said.
 */
export async function buildOlder(commit: string, folder: string): Promise<Build> {
  const { stdout } = await run('git', ['rev-parse', '--verify', `${commit}^{commit}`], {
    cwd: REPOSITORY,
  });
  const hash = stdout.trim();
  await run('git', ['clone', '--quiet', '--shared', '--no-checkout', REPOSITORY, folder]);
  await run('git', ['checkout', '--quiet', '--detach', hash], { cwd: folder });
  await run(process.execPath, ['scripts/setup.mjs'], { cwd: folder });
  await run(join(folder, 'node_modules/.bin/tsc'), ['-b', '--builders', '2'], {
    cwd: folder,
  });
  return { folder, commit: hash.slice(0, 7) };
}

/** The programs of a build. */
export const binaryOf = ({ folder }: Build, app: 'storage' | 'scheduler' | 'em'): string =>
  join(folder, 'apps', app, 'dist/main.js');
