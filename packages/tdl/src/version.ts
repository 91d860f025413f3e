import type { Version } from '@spider/core';

/** The version of what a task package and an executor agree on; 0.1.0 is the reference's. */
export const TDL_VERSION: Version = { major: 0, minor: 1, patch: 0 };

/** Before 1.0.0 every minor version may break what the one before promised. */
export function isCompatible(packageVersion: Version, executorVersion: Version): boolean {
  if (packageVersion.major !== executorVersion.major) return false;
  return packageVersion.major > 0 || packageVersion.minor === executorVersion.minor;
}
