import { totalmem } from 'node:os';
import {
  type ExecutionManagerConfig,
  executorEnvironment,
  executorLaunch,
  type ExecutorOptions,
  existingPath,
  type LogSink,
  processSpawner,
  type SpawnExecutor,
  threadSpawner,
} from '@spider/execution-manager';
import { systemClock } from '@spider/runtime/node';
import { taskExecutorPath, taskExecutorThreadPath } from '@spider/task-executor';

const MIB = 1024 * 1024;
/** Of the machine's memory, what all executors may have unless the configuration says it. */
const MEMORY_SHARE = 0.8;
const MEMORY_MIB_MIN = 512;

/**
 * What starts executors of the kind that the configuration names.
 *
 * @throws SpiderError 'invalid-argument' if a file or a folder is missing, 'failed-precondition' if
 * the machine refuses the wall.
 */
export async function executorSpawner(
  { taskExecutor, logs: { maxTaskBytes } }: ExecutionManagerConfig,
  slots: number,
  logs: LogSink,
): Promise<SpawnExecutor> {
  const { maxLogLineBytes, memoryLimitMib, maxMessageBytes, recycleAboveMib } = taskExecutor;
  const shareMib = memoryLimitMib ?? memoryShareMib(slots);
  const options: ExecutorOptions = {
    clock: systemClock,
    logs,
    maxLogLineBytes,
    maxTaskLogBytes: maxTaskBytes,
    memoryLimitMib: shareMib,
    recycleAboveMib,
    maxMessageBytes,
  };
  const packageDir = await existingPath('task_executor.package_dir', taskExecutor.packageDir);
  const { inheritedEnv, mode, binPath } = taskExecutor;
  const env = executorEnvironment({ packageDir, inheritedEnv, maxMessageBytes, from: process.env });
  if (mode === 'thread') {
    return threadSpawner({ ...options, modulePath: taskExecutorThreadPath, env });
  }
  const launch = await executorLaunch({
    ...taskExecutor,
    binPath: binPath ?? taskExecutorPath,
    nodePath: process.execPath,
    heapMib: shareMib,
  });
  return processSpawner({
    ...options,
    ...launch,
    env: { ...env, ...launch.env },
    hasDescriptors: binPath === undefined,
    isBoxed: taskExecutor.wall.isBubblewrapped,
  });
}

/** In MiB, so that all executors together leave the machine something. */
export function memoryShareMib(slots: number): number {
  const bytes = process.constrainedMemory() || totalmem();
  return Math.max(
    MEMORY_MIB_MIN,
    Math.floor((Math.min(bytes, totalmem()) * MEMORY_SHARE) / slots / MIB),
  );
}
