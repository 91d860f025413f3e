// For whoever runs an execution manager.
export { executionManagerConfigSchema } from './config.ts';
export type { ExecutionManagerConfig } from './config.ts';
export { ExecutionManagerService } from './execution-manager-service.ts';
export type { ExecutionManagerOptions } from './execution-manager-service.ts';
export type { Connect } from './ports.ts';

// Executors as child processes.
export { executorCommand } from './process-pool/executor-command.ts';
export { executorEnvironment } from './process-pool/executor-environment.ts';
export type { ExecutorEnvironmentOptions } from './process-pool/executor-environment.ts';
export { endingWithParent } from './process-pool/parent-death.ts';
export { processSpawner } from './process-pool/spawn-executor.ts';
export type { ExecutorCommand, SpawnExecutorOptions } from './process-pool/spawn-executor.ts';

// For those who bring executors of another kind.
export type {
  ExecutorCallbacks,
  ExecutorProcess,
  SpawnExecutor,
} from './process-pool/executor-process.ts';
export { inputLengthAt, kindAt } from './machine/instance-lot.ts';
export type { InstanceList, InstanceLot } from './machine/instance-lot.ts';
export type { InstanceKind } from './machine/instance-kind.ts';
export type { ProcessExit, ResponseBatch } from './machine/slot-event.ts';
