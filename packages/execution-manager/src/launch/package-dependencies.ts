import { readdir, readFile, realpath } from 'node:fs/promises';
import { basename, dirname, join, sep } from 'node:path';

/** Packages that those in one folder may depend on; a graph that is larger is a mistake. */
const PACKAGES_MAX = 20_000;

export interface Dependencies {
  /** Files and folders that have to be readable for packages and what they import. */
  readonly paths: readonly string[];
  /** The manifests of the packages that the search began with, by folder. */
  readonly manifests: ReadonlyMap<string, unknown>;
}

/**
 * Finds what packages really depend on: the dependencies that their package.json names, where Node
 * would find them, and the dependencies of those. A package without a package.json has those of the
 * one above it.
 *
 * @param folders those of the packages.
 * @throws Error if there are more than {@link PACKAGES_MAX}.
 */
export async function realDependencies(folders: readonly string[]): Promise<Dependencies> {
  const paths = new Set<string>();
  const manifests = new Map<string, unknown>();
  const seen = new Set<string>();
  const queue: string[] = [];
  for (const folder of folders) {
    const found = await nearestManifest(folder);
    manifests.set(folder, found?.folder === folder ? found.manifest : undefined);
    paths.add(folder);
    if (found === undefined) continue;
    paths.add(join(found.folder, 'package.json'));
    for (const name of dependenciesOf(found.manifest)) {
      queue.push(...(await locate(name, folder, paths)));
    }
  }
  for (let folder = queue.pop(); folder !== undefined; folder = queue.pop()) {
    if (seen.has(folder)) continue;
    if (seen.size === PACKAGES_MAX) throw new Error(`more than ${PACKAGES_MAX} dependencies`);
    seen.add(folder);
    paths.add(folder);
    for (const name of dependenciesOf(await readManifest(folder))) {
      queue.push(...(await locate(name, folder, paths)));
    }
  }
  return { paths: withoutNested(paths), manifests };
}

/** The real folders of the packages in a folder, whose own path must be real; none lies elsewhere. */
export async function packageFolders(packageRoot: string): Promise<readonly string[]> {
  const entries = await readdir(packageRoot, { withFileTypes: true });
  const folders = await Promise.all(
    entries
      .filter((entry) => (entry.isDirectory() || entry.isSymbolicLink()) && isVisible(entry.name))
      .map((entry) => realpath(join(packageRoot, entry.name)).catch(() => '')),
  );
  return folders.filter((folder) => folder.startsWith(packageRoot + sep));
}

const isVisible = (name: string): boolean => !name.startsWith('.') && name !== 'node_modules';

async function nearestManifest(
  folder: string,
): Promise<{ readonly folder: string; readonly manifest: unknown } | undefined> {
  for (let at = folder; ; at = dirname(at)) {
    const manifest = await readManifest(at);
    if (manifest !== undefined) return { folder: at, manifest };
    if (dirname(at) === at) return undefined;
  }
}

/** One that is no JSON is as none; the executor tells what is wrong with it. */
async function readManifest(folder: string): Promise<unknown> {
  try {
    return JSON.parse(await readFile(join(folder, 'package.json'), 'utf8')) as unknown;
  } catch {
    return undefined;
  }
}

function dependenciesOf(manifest: unknown): readonly string[] {
  const fields = ['dependencies', 'optionalDependencies', 'peerDependencies'] as const;
  const names = fields.flatMap((field) => Object.keys(recordAt(manifest, field)));
  return names.filter((name) => /^(@[\w.~-]+\/)?[\w.~-]+$/.test(name) && !name.startsWith('.'));
}

function recordAt(value: unknown, key: string): object {
  if (typeof value !== 'object' || value === null) return {};
  const found = (value as Readonly<Record<string, unknown>>)[key];
  return typeof found === 'object' && found !== null ? found : {};
}

/**
 * The real folder of a dependency, if it is installed; the way to it is added to the paths. A link to
 * what is no package of that name, nor installed as one, is no dependency: it may lead anywhere.
 */
async function locate(name: string, from: string, paths: Set<string>): Promise<readonly string[]> {
  for (let at = from; ; at = dirname(at)) {
    if (basename(at) !== 'node_modules') {
      const link = join(at, 'node_modules', name);
      const folder = await realpath(link).catch(() => undefined);
      if (folder !== undefined && (await isPackage(folder, name))) {
        paths.add(link);
        return [folder];
      }
    }
    if (dirname(at) === at) return [];
  }
}

async function isPackage(folder: string, name: string): Promise<boolean> {
  const manifest = await readManifest(folder);
  if (manifest === undefined) return false;
  const isInstalled = folder.split(sep).includes('node_modules');
  return isInstalled || nameOf(manifest) === name;
}

const nameOf = (manifest: unknown): unknown =>
  typeof manifest === 'object' && manifest !== null && 'name' in manifest
    ? manifest.name
    : undefined;

/** What lies within another one of them need not be named. */
export function withoutNested(paths: ReadonlySet<string>): readonly string[] {
  return [...paths].filter((path) => !hasAncestor(path, paths));
}

function hasAncestor(path: string, among: ReadonlySet<string>): boolean {
  for (let at = dirname(path); ; at = dirname(at)) {
    if (among.has(at)) return true;
    if (dirname(at) === at) return false;
  }
}
