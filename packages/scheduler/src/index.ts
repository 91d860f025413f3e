// For whoever runs a scheduler, in its own process or within another.
export {
  SCHEDULER_SERVICES,
  SchedulerService,
  type SchedulerServiceOptions,
} from './scheduler-service.ts';
export {
  DEFAULT_DISPATCH_CONFIG,
  type DispatchConfig,
  embeddedSchedulerFileSchema,
  type SchedulerConfig,
  schedulerConfigSchema,
  schedulerFileSchema,
  toEmbeddedScheduler,
} from './config.ts';
export {
  RpcReadyTaskSource,
  type RpcReadyTaskSourceOptions,
} from './inbound/rpc-ready-task-source.ts';

export {
  FallbackReadyTaskSource,
  type FallbackReadyTaskSourceOptions,
} from './inbound/fallback-ready-task-source.ts';
export {
  ReferenceReadyTaskSource,
  type ReferenceReadyTaskSourceOptions,
} from './inbound/reference-ready-task-source.ts';

// For whoever gives ready tasks without a network between.
export type {
  ReadyTaskHandlers,
  ReadyTaskSource,
  ReadyTaskStream,
  ReadyTaskWelcome,
} from './inbound/ready-task-source.ts';
export type {
  JobProfile,
  PoolNumber,
  ReadyTasks,
  ReturnedTasks,
} from './machine/dispatch-event.ts';
export type { ExecutionManagerProfile } from './machine/execution-manager-profile.ts';

// For whoever writes a policy.
export { POLICIES, type PolicyName } from './policy/policies.ts';
export { FifoPolicy } from './policy/fifo.ts';
export { RoundRobinPolicy } from './policy/round-robin.ts';
export { WeightedFairPolicy } from './policy/weighted-fair.ts';
export {
  JobPhase,
  type QueuedJob,
  type SchedulingPolicy,
  type SchedulingPolicyDefinition,
  type SchedulingPolicyOptions,
  type Turn,
} from './machine/scheduling-policy.ts';
