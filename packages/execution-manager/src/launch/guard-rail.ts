import { realpath } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { existsSync } from 'node:fs';
import {
  askedPermissions,
  EXECUTOR_PERMISSIONS_ENV,
  PACKAGE_PERMISSIONS,
  type PackagePermission,
} from '@spider/core';
import { packageFolders, realDependencies, withoutNested } from './package-dependencies.ts';

/** What the configuration says of the guard rail. */
export interface GuardRailConfig {
  readonly enabled: boolean;
  /** Files and folders that tasks may read beside their packages. */
  readonly read: readonly string[];
  /** Files and folders that tasks may read and write. */
  readonly write: readonly string[];
  /** What packages get if they ask for it. */
  readonly allow: readonly PackagePermission[];
}

export interface GuardRail {
  /** Flags of the Node that runs executors. */
  readonly flags: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  /** What executors may read and write, with their own program. */
  readonly read: readonly string[];
  readonly write: readonly string[];
}

const FLAGS: Readonly<Record<PackagePermission, readonly string[]>> = {
  child_process: ['--allow-child-process'],
  workers: ['--allow-worker'],
  addons: ['--allow-addons'],
  wasi: ['--allow-wasi'],
  sqlite: [],
};

/**
 * Works out what executors may do: read the task packages, what those depend on and what is granted
 * beside, and of the further permissions those that some package asks for and the configuration
 * allows. All packages of a folder share executors, and therefore what one of them was given.
 */
export async function guardRail(
  config: GuardRailConfig,
  packageDir: string,
  program: string,
): Promise<GuardRail> {
  const packageRoot = await realpath(packageDir);
  const packages = await packageFolders(packageRoot);
  const dependencies = await realDependencies([
    ...packages,
    programFolder(await realpath(program)),
  ]);
  const asked = [...dependencies.manifests.values()].flatMap(asksOf);
  const granted = PACKAGE_PERMISSIONS.filter(
    (permission) => config.allow.includes(permission) && asked.includes(permission),
  );
  const write = await Promise.all(config.write.map((path) => realpath(path)));
  const further = await Promise.all(config.read.map((path) => realpath(path)));
  // The folder as it is named, too: links are not followed when a path is checked.
  const read = withoutNested(new Set([packageDir, packageRoot, ...dependencies.paths, ...further]));
  return {
    flags: config.enabled ? permissionFlags(read, write, granted) : [],
    env: config.enabled ? { [EXECUTOR_PERMISSIONS_ENV]: granted.join(',') } : {},
    read,
    write,
  };
}

function permissionFlags(
  read: readonly string[],
  write: readonly string[],
  granted: readonly PackagePermission[],
): readonly string[] {
  const flags = ['--permission'];
  for (const path of [...read, ...write]) flags.push(`--allow-fs-read=${path}`);
  for (const path of write) flags.push(`--allow-fs-write=${path}`);
  flags.push(...granted.flatMap((permission) => FLAGS[permission]));
  // It opens any file, whatever the permissions say.
  if (!granted.includes('sqlite')) flags.push('--no-experimental-sqlite');
  // Node warns of every grant, on the stderr of every executor.
  if (granted.length > 0) flags.push('--disable-warning=SecurityWarning');
  return flags;
}

/** A package that asks for nonsense gets nothing; its executor refuses it and says why. */
function asksOf(manifest: unknown): readonly PackagePermission[] {
  try {
    return askedPermissions(manifest);
  } catch {
    return [];
  }
}

/** The package that a program belongs to, or the folder that it lies in. */
function programFolder(program: string): string {
  for (let at = dirname(program); dirname(at) !== at; at = dirname(at)) {
    if (existsSync(join(at, 'package.json'))) return at;
  }
  return dirname(program);
}
