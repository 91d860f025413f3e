import { pathToFileURL } from 'node:url';
import {
  askedPermissions,
  type ExecutorError,
  invalidArgument,
  type PackagePermission,
  SpiderError,
} from '@spider/core';
import {
  checkPackageName,
  describeError,
  isCompatible,
  taskPackageEntry,
  type TaskPackageEntry,
  TDL_VERSION,
} from '@spider/tdl';
import { checkLinks } from './package-links.ts';
import { locatePackage, type PackageLocation, PackageLocationError } from './package-location.ts';

/** What the code of packages is held to. */
export interface Restrictions {
  /** What the execution manager has given; undefined: everything. */
  readonly granted: readonly PackagePermission[] | undefined;
  /** Whether a path may be read; undefined: every path. */
  readonly mayRead: ((path: string) => boolean) | undefined;
}

/** Loads task packages by name, each once. One that failed to load is tried again when asked for. */
export class PackageRegistry {
  readonly #packageDir: string;
  readonly #restrictions: Restrictions;
  readonly #loaded = new Map<string, TaskPackageEntry>();

  constructor(packageDir: string, restrictions: Restrictions) {
    this.#packageDir = packageDir;
    this.#restrictions = restrictions;
  }

  /** The package of that name, if it is loaded. */
  get(name: string): TaskPackageEntry | undefined {
    return this.#loaded.get(name);
  }

  /** Loads the package of that name. Never rejects: whatever goes wrong is the result. */
  async load(name: string): Promise<TaskPackageEntry | ExecutorError> {
    let module: { readonly default?: unknown };
    try {
      checkPackageName(name);
      const location = locatePackage(this.#packageDir, name);
      this.#checkRestrictions(name, location);
      module = (await import(pathToFileURL(location.file).href)) as typeof module;
    } catch (error) {
      return loadError(name, error);
    }
    const entry = taskPackageEntry(module.default);
    if (entry === undefined) {
      return invalidLibrary(`the main module of ${name} does not export a task package by default`);
    }
    const problem = this.#check(name, entry);
    if (problem !== undefined) return problem;
    try {
      await entry.init?.();
    } catch (error) {
      return initError(error);
    }
    this.#loaded.set(name, entry);
    return entry;
  }

  /** @throws SpiderError or PackageLocationError if the package wants more than it may have. */
  #checkRestrictions(name: string, { folder, manifest }: PackageLocation): void {
    const { granted, mayRead } = this.#restrictions;
    const refused = askedPermissions(manifest).filter((each) => granted?.includes(each) === false);
    if (refused.length > 0) {
      throw invalidArgument(
        `package ${name} asks for ${refused.join(', ')}, which task_executor.guard_rail.allow of ` +
          'the execution manager does not have',
      );
    }
    if (mayRead !== undefined) checkLinks(folder, mayRead);
  }

  #check(name: string, entry: TaskPackageEntry): ExecutorError | undefined {
    if (!isCompatible(entry.tdlVersion, TDL_VERSION)) {
      return {
        kind: 'IncompatibleVersion',
        packageVersion: entry.tdlVersion,
        executorVersion: TDL_VERSION,
      };
    }
    if (entry.name === name) return undefined;
    if (!this.#loaded.has(entry.name)) {
      return invalidLibrary(`the folder ${name} holds a package that is named ${entry.name}`);
    }
    const message = `the folder ${name} holds package ${entry.name}, which is loaded already`;
    return { kind: 'DuplicatePackage', message };
  }
}

/** Tells a package that is not there or does not parse from one whose own code failed. */
function loadError(name: string, error: unknown): ExecutorError {
  if (error instanceof PackageLocationError || error instanceof SpiderError) {
    return invalidLibrary(error.message);
  }
  const code = error instanceof Error && 'code' in error ? String(error.code) : '';
  if (error instanceof SyntaxError || code.startsWith('ERR_')) {
    return invalidLibrary(`${name} cannot be loaded: ${describeError(error)}`);
  }
  return initError(error);
}

function initError(error: unknown): ExecutorError {
  return { kind: 'PackageInitError', error: { kind: 'Custom', message: describeError(error) } };
}

function invalidLibrary(message: string): ExecutorError {
  return { kind: 'InvalidLibrary', message };
}
