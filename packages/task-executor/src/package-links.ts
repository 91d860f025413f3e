import { readdirSync, realpathSync } from 'node:fs';
import { basename, dirname, join, sep } from 'node:path';
import { PackageLocationError, readManifest } from './package-location.ts';

const MODULES = 'node_modules';

/**
 * Refuses links in a package's folder that lead out of what may be read: Node follows them whatever
 * its permissions say. Where dependencies are kept, links to installed packages are what is expected,
 * also to those that are only needed for developing.
 *
 * @param mayRead whether a path may be read as it is named.
 * @throws PackageLocationError that names the link and where it leads.
 */
export function checkLinks(folder: string, mayRead: (path: string) => boolean): void {
  const folders = [folder];
  for (let at = folders.pop(); at !== undefined; at = folders.pop()) {
    for (const entry of readdirSync(at, { withFileTypes: true })) {
      const path = join(at, entry.name);
      if (entry.isDirectory()) folders.push(path);
      else if (entry.isSymbolicLink()) checkLink(folder, path, mayRead);
    }
  }
}

function checkLink(folder: string, link: string, mayRead: (path: string) => boolean): void {
  const target = targetOf(link);
  if (target === undefined || mayRead(target) || isDependency(link, target)) return;
  throw new PackageLocationError(
    `package ${basename(folder)} has a link that leads out of what it may read: ${link} to ${target}`,
  );
}

/** Where a link leads; undefined if there is nothing. */
function targetOf(link: string): string | undefined {
  try {
    return realpathSync(link);
  } catch {
    return undefined;
  }
}

/** Whether a link is `node_modules/name` or `node_modules/@scope/name` and leads to such a package. */
function isDependency(link: string, target: string): boolean {
  const isScoped = basename(dirname(link)).startsWith('@');
  const modules = isScoped ? dirname(dirname(link)) : dirname(link);
  const isBin = basename(modules) === '.bin' && basename(dirname(modules)) === MODULES;
  if (!isBin && basename(modules) !== MODULES) return false;
  if (target.split(sep).includes(MODULES)) return true;
  const name = isScoped ? `${basename(dirname(link))}/${basename(link)}` : basename(link);
  return (readManifest(link) as { readonly name?: unknown } | undefined)?.name === name;
}
