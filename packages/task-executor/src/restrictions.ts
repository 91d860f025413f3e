import { EXECUTOR_PERMISSIONS_ENV, PACKAGE_PERMISSIONS } from '@spider/core';
import type { Restrictions } from './package-registry.ts';

/** What Node has, where its permissions are on. */
interface PermissionModel {
  has(scope: string, path?: string): boolean;
}

/** What the execution manager lets this process do, as far as it is known here. */
export function restrictionsHere(): Restrictions {
  const named = process.env[EXECUTOR_PERMISSIONS_ENV]?.split(',');
  const { permission } = process as { readonly permission?: PermissionModel };
  return {
    granted: named && PACKAGE_PERMISSIONS.filter((each) => named.includes(each)),
    mayRead: permission && ((path) => permission.has('fs.read', path)),
  };
}
