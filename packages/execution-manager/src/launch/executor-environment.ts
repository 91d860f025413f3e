import { EXECUTOR_EXTENSIONS_ENV, EXECUTOR_MESSAGE_BYTES_ENV, LIMITS } from '@spider/core';

/** What any program may expect to find. */
const BASIC = ['PATH', 'HOME', 'LANG', 'LC_ALL', 'TZ', 'TMPDIR', 'RUST_LOG', 'SPIDER_LOG'];

export interface ExecutorEnvironmentOptions {
  /** The folder of task packages. */
  readonly packageDir: string;
  /** Names of further variables that executors may see. */
  readonly inheritedEnv: readonly string[];
  /** What the body of a message may have, if not as many bytes as in the reference's format. */
  readonly maxMessageBytes?: number;
  /** The execution manager's own environment. */
  readonly from: Readonly<Record<string, string | undefined>>;
}

/**
 * The environment of an executor: nothing but what it needs and what it was granted, so that no
 * secret of the execution manager reaches the code of a task.
 */
export function executorEnvironment(options: ExecutorEnvironmentOptions): Record<string, string> {
  const env: Record<string, string> = {};
  for (const name of [...BASIC, ...options.inheritedEnv]) {
    const value = options.from[name];
    if (value !== undefined) env[name] = value;
  }
  env['SPIDER_TDL_PACKAGE_DIR'] = options.packageDir;
  env[EXECUTOR_EXTENSIONS_ENV] = '1';
  const { maxMessageBytes = LIMITS.executorFrameBytes } = options;
  if (maxMessageBytes !== LIMITS.executorFrameBytes) {
    env[EXECUTOR_MESSAGE_BYTES_ENV] = String(maxMessageBytes);
  }
  return env;
}
