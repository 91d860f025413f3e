import { readFileSync, realpathSync, statSync } from 'node:fs';
import { join, sep } from 'node:path';

/** Conditions under which a package's `exports` are read, as `import` does. */
const CONDITIONS = new Set(['node', 'import', 'module-sync', 'default']);
const FALLBACKS = ['index.js', 'index.ts'];

/** A task package cannot be loaded; the message says why. */
export class PackageLocationError extends Error {
  override readonly name = 'PackageLocationError';
}

export interface PackageLocation {
  readonly folder: string;
  /** The main module. */
  readonly file: string;
  /** Its package.json, if it has one. */
  readonly manifest: unknown;
}

/**
 * Finds the main module of the package in the folder `name` of `packageDir`: what its package.json
 * exports, or else names as `main`, or else index.js or index.ts.
 *
 * @param name is one plain path component.
 * @throws PackageLocationError if there is none, or if it lies outside `packageDir`.
 */
export function locatePackage(packageDir: string, name: string): PackageLocation {
  const root = realPath(packageDir, `folder of task packages ${packageDir}`);
  const folder = realPath(join(root, name), `folder ${name} in ${packageDir}`);
  checkInside(root, folder, name);
  const manifest = readManifest(folder);
  const entry = entryOf(folder, manifest);
  const file = realPath(join(folder, entry), `file ${entry} in package ${name}`);
  checkInside(root, file, name);
  return { folder, file, manifest };
}

function entryOf(folder: string, manifest: unknown): string {
  const exported = isRecord(manifest) ? exportedEntry(manifest['exports']) : undefined;
  if (exported !== undefined) return exported;
  const main = isRecord(manifest) ? manifest['main'] : undefined;
  if (typeof main === 'string') return main;
  const found = FALLBACKS.find((file) => statSync(join(folder, file), { throwIfNoEntry: false }));
  if (found !== undefined) return found;
  throw new PackageLocationError(
    `${folder} has neither an exports or main entry in its package.json, nor an index.js or index.ts`,
  );
}

export function readManifest(folder: string): unknown {
  const file = join(folder, 'package.json');
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch {
    return undefined;
  }
  try {
    return JSON.parse(text) as unknown;
  } catch (error) {
    throw new PackageLocationError(`${file} is no JSON: ${String(error)}`);
  }
}

function exportedEntry(exports: unknown): string | undefined {
  const isByPath = isRecord(exports) && Object.keys(exports).some((key) => key.startsWith('.'));
  return matchConditions(isByPath ? exports['.'] : exports);
}

function matchConditions(target: unknown): string | undefined {
  if (typeof target === 'string') return target;
  if (!isRecord(target)) return undefined;
  for (const [condition, value] of Object.entries(target)) {
    const found = CONDITIONS.has(condition) ? matchConditions(value) : undefined;
    if (found !== undefined) return found;
  }
  return undefined;
}

function realPath(path: string, what: string): string {
  try {
    return realpathSync(path);
  } catch {
    throw new PackageLocationError(`there is no ${what}`);
  }
}

/** Links may lead to another place among the packages, never out of them. */
function checkInside(root: string, path: string, name: string): void {
  if (path.startsWith(root.endsWith(sep) ? root : root + sep)) return;
  throw new PackageLocationError(`package ${name} leads out of ${root}, to ${path}`);
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null;
}
