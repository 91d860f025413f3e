import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { delimiter, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { runCommand } from './run-command.ts';

/** Programs that drive peers, and their npm packages, which nothing else installs. */
export const DRIVERS = fileURLToPath(new URL('../drivers', import.meta.url));
/** Where Debian keeps PostgreSQL's programs. */
const POSTGRESQL = '/usr/lib/postgresql';
const SYSTEM_FOLDERS = ['/usr/sbin', '/usr/local/sbin'];

/**
 * Finds a program, and installs Debian packages if it is not there.
 *
 * @returns its path.
 * @throws Error if it is not there and cannot be installed.
 */
export async function programOf(
  name: string,
  debianPackages: readonly string[],
  signal: AbortSignal,
): Promise<string> {
  const there = findProgram(name);
  if (there !== undefined) return there;
  await installDebian(debianPackages, signal);
  const installed = findProgram(name);
  if (installed === undefined) throw new Error(`${debianPackages.join(' ')} has no ${name}`);
  return installed;
}

/** @throws Error without apt-get, or the right to use it. */
export async function installDebian(
  packages: readonly string[],
  signal: AbortSignal,
): Promise<void> {
  const args = ['install', '-qq', '-y', '--no-install-recommends', ...packages];
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
  const apt = async (...args: string[]): Promise<void> => {
    const isRoot = process.getuid?.() === 0;
    const command = isRoot ? ['apt-get'] : ['sudo', '-n', '-E', 'apt-get'];
    await runCommand(command[0] ?? '', [...command.slice(1), ...args], { signal, env });
  };
  await apt('update', '-qq');
  await apt(...args);
}

/** Installs the peers that are npm packages, as locked, unless they are there. */
export async function installNpmPackages(signal: AbortSignal): Promise<void> {
  const lock = readFileSync(join(DRIVERS, 'package-lock.json'));
  const stamp = createHash('sha256').update(lock).digest('hex');
  const stampFile = join(DRIVERS, 'node_modules/.spider-peers');
  if (existsSync(stampFile) && readFileSync(stampFile, 'utf8') === stamp) return;
  const args = ['ci', '--prefix', DRIVERS, '--ignore-scripts', '--no-fund', '--no-audit'];
  // npm passes its own settings on, of which some are about the package that is run.
  const env = Object.fromEntries(
    Object.entries(process.env).filter(([name]) => !/^npm_(package|lifecycle|command)/i.test(name)),
  );
  await runCommand('npm', args, { signal, env });
  await writeFile(stampFile, stamp);
}

export function npmVersion(name: string): string {
  const file = join(DRIVERS, 'node_modules', name, 'package.json');
  return (JSON.parse(readFileSync(file, 'utf8')) as { readonly version: string }).version;
}

function findProgram(name: string): string | undefined {
  const versions = existsSync(POSTGRESQL) ? readdirSync(POSTGRESQL).toSorted().toReversed() : [];
  const folders = [
    // Whatever else is named so may wrap it, and be of use to one user only.
    ...versions.map((version) => join(POSTGRESQL, version, 'bin')),
    ...(process.env['PATH'] ?? '').split(delimiter),
    ...SYSTEM_FOLDERS,
  ];
  return folders.map((folder) => join(folder, name)).find((path) => existsSync(path));
}
