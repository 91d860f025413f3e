import { invalidArgument, LIMITS, type Version } from '@spider/core';
import { executeTask, type TaskResult } from './execute-task.ts';
import { DefinedTask, type TaskDefinition } from './task-definition.ts';
import type { TaskHost } from './task-host.ts';
import { TDL_VERSION } from './version.ts';

/** Under this key a package keeps what an executor needs; equal for all copies of this library. */
const TASK_PACKAGE: unique symbol = Symbol.for('spider.tdl.package');

/** A named set of tasks: the default export of a module that executors load by that name. */
export interface TaskPackage {
  readonly name: string;
  readonly version: string;
  readonly tasks: readonly TaskDefinition[];
  readonly [TASK_PACKAGE]: TaskPackageEntry;
}

/**
 * What an executor may rely on, whichever copy and compatible version of this library the package was
 * built with: only bytes and plain data pass between the two.
 */
export interface TaskPackageEntry {
  readonly name: string;
  readonly tdlVersion: Version;
  /** To be called with success once in a process before any task is run. */
  readonly init?: () => unknown;

  /** Runs the task of that name. Never throws; there is a promise only if the task returns one. */
  execute(
    functionName: string,
    context: Uint8Array,
    inputs: Uint8Array,
    host: TaskHost,
  ): TaskResult | Promise<TaskResult>;
}

export interface TaskPackageOptions {
  /** The name by which graphs refer to it, and of the folder that executors load it from. */
  readonly name: string;
  /** The author's own version, for people to read. */
  readonly version: string;
  readonly tasks: readonly TaskDefinition[];

  /**
   * Prepares what the tasks share. Runs once in each process, before the first task. If it fails, so
   * does that task, and the next one tries again.
   */
  init?(): void | Promise<void>;
}

/**
 * Names a set of tasks, which are then usable in graphs. A package's main module exports it by default.
 *
 * @throws SpiderError 'invalid-argument' if its name is no plain name of a folder, or two tasks share
 * theirs; 'already-exists' if a task is in another package.
 */
export function definePackage(options: TaskPackageOptions): TaskPackage {
  const { name, version } = options;
  checkPackageName(name);
  const tasks = new Map<string, TaskDefinition>();
  for (const task of options.tasks) {
    const { functionName } = task;
    if (tasks.has(functionName)) {
      throw invalidArgument(`package ${name} has two tasks named ${functionName}`);
    }
    if (!(task instanceof DefinedTask)) {
      throw invalidArgument(`package ${name} lists something not made by defineTask`);
    }
    task.joinPackage(name);
    tasks.set(functionName, task);
  }
  return {
    name,
    version,
    tasks: [...tasks.values()],
    [TASK_PACKAGE]: {
      name,
      tdlVersion: TDL_VERSION,
      init: () => options.init?.(),
      execute(functionName, context, inputs, host) {
        const task = tasks.get(functionName);
        if (task !== undefined) return executeTask(task, context, inputs, host);
        const message = `package ${name} has no task ${JSON.stringify(functionName)}`;
        return { error: { kind: 'TaskNotFound', message }, isFinal: false };
      },
    },
  };
}

/** What `value` offers to an executor, if it is a task package of any copy of this library. */
export function taskPackageEntry(value: unknown): TaskPackageEntry | undefined {
  if (typeof value !== 'object' || value === null) return undefined;
  return (value as Partial<TaskPackage>)[TASK_PACKAGE];
}

/**
 * Refuses what could name anything but one folder.
 *
 * @throws SpiderError 'invalid-argument' saying so.
 */
export function checkPackageName(name: string): void {
  if (/^\w[\w.-]*$/.test(name) && name.length <= LIMITS.nameBytes) return;
  throw invalidArgument(
    `${JSON.stringify(name.slice(0, LIMITS.nameBytes))} is no name of a task package: it must be ` +
      `letters, digits, "_", "-" and ".", not start with "-" or ".", and have at most ` +
      `${LIMITS.nameBytes} of them`,
  );
}
