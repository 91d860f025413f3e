import { invalidArgument } from '../error.ts';

/** What a task package may ask for beyond computing and reading its own files. */
export const PACKAGE_PERMISSIONS = [
  'child_process',
  'workers',
  'addons',
  'wasi',
  'sqlite',
] as const;

export type PackagePermission = (typeof PACKAGE_PERMISSIONS)[number];

/**
 * The environment variable by which an execution manager tells its executor which permissions it has
 * given it, separated by commas. Unset, nothing is withheld.
 */
export const EXECUTOR_PERMISSIONS_ENV = 'SPIDER_EXECUTOR_PERMISSIONS';

/**
 * What a package asks for in its package.json: `"spider": { "permissions": ["child_process"] }`.
 *
 * @throws SpiderError 'invalid-argument' if that is no list of permissions that there are.
 */
export function askedPermissions(manifest: unknown): readonly PackagePermission[] {
  const section = isRecord(manifest) ? manifest['spider'] : undefined;
  const asked = isRecord(section) ? section['permissions'] : undefined;
  if (asked === undefined) return [];
  if (!Array.isArray(asked)) throw invalidArgument('package.json: spider.permissions is no list');
  return asked.map((name: unknown) => {
    const known = PACKAGE_PERMISSIONS.find((permission) => permission === name);
    if (known !== undefined) return known;
    throw invalidArgument(
      `package.json: spider.permissions has ${JSON.stringify(name)}, which is none of ` +
        PACKAGE_PERMISSIONS.join(', '),
    );
  });
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null;
}
