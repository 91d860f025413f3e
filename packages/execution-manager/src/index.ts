// For whoever runs an execution manager.
export { executionManagerConfigSchema, executionManagerFileSchema } from './config.ts';
export type { ExecutionManagerConfig, ExecutionManagerFile, LogsConfig } from './config.ts';
export { ExecutionManagerService } from './execution-manager-service.ts';
export type { ExecutionManagerOptions } from './execution-manager-service.ts';
export { withReferenceFallback } from './reference/reference-fallback.ts';
export type { ReferenceFallbackOptions } from './reference/reference-fallback.ts';
export type { Connect } from './ports.ts';

// Executors as child processes, and as threads.
export { executorCommand } from './launch/executor-command.ts';
export { executorEnvironment } from './launch/executor-environment.ts';
export type { ExecutorEnvironmentOptions } from './launch/executor-environment.ts';
export { existingPath } from './launch/existing-path.ts';
export { executorLaunch } from './launch/executor-launch.ts';
export type { ExecutorLaunch, ExecutorLaunchOptions } from './launch/executor-launch.ts';
export type { GuardRailConfig } from './launch/guard-rail.ts';
export type { WallConfig } from './launch/wall.ts';
export { SpareExecutors } from './process-pool/spare-executors.ts';
export type { SpareExecutorsOptions } from './process-pool/spare-executors.ts';
export { processSpawner } from './process-pool/spawn-executor.ts';
export type { ExecutorCommand, SpawnExecutorOptions } from './process-pool/spawn-executor.ts';
export { threadSpawner } from './process-pool/spawn-thread.ts';
export type { SpawnThreadOptions } from './process-pool/spawn-thread.ts';
export type { ExecutorOptions } from './process-pool/executor-options.ts';
export type { ExecutorMode, TaskExecutorConfig } from './task-executor-config.ts';

// What tasks print.
export { bothSinks, forwardingSink } from './logs/forwarding-sink.ts';
export type { LogEntry, LogSink } from './logs/log-entry.ts';
export { readTaskLog } from './logs/read-task-log.ts';
export type { TaskLogLine, TaskLogQuery } from './logs/read-task-log.ts';
export type { TaskLogSource } from './logs/task-log-reads.ts';
export { TaskLogStore } from './logs/task-log-store.ts';
export type { TaskLogStoreOptions } from './logs/task-log-store.ts';

// For those who bring executors of another kind.
export type {
  ExecutorCallbacks,
  ExecutorProcess,
  SpawnExecutor,
} from './process-pool/executor-process.ts';
export { inputLengthAt, kindAt } from './machine/instance-lot.ts';
export type { InstanceList, InstanceLot } from './machine/instance-lot.ts';
export type { InstanceKind } from './machine/instance-kind.ts';
export { packPayloads, type PayloadRanges } from './machine/payload-ranges.ts';
export type { ProcessExit, ResponseBatch } from './machine/slot-event.ts';
