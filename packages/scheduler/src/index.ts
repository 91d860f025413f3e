// For whoever runs a scheduler, in its own process or within another.
export {
  SCHEDULER_SERVICES,
  SchedulerService,
  type SchedulerServiceOptions,
} from './scheduler-service.ts';
export { DEFAULT_DISPATCH_CONFIG, type SchedulerConfig, schedulerConfigSchema } from './config.ts';
export {
  RpcReadyTaskSource,
  type RpcReadyTaskSourceOptions,
} from './inbound/rpc-ready-task-source.ts';

// For whoever gives ready tasks without a network between.
export type {
  ReadyTaskHandlers,
  ReadyTaskSource,
  ReadyTaskStream,
  ReadyTaskWelcome,
} from './inbound/ready-task-source.ts';
export type { ReadyTasks } from './machine/dispatch-event.ts';

// For whoever writes a policy.
export { POLICIES } from './policy/policies.ts';
export { FifoPolicy } from './policy/fifo.ts';
export {
  JobPhase,
  type QueuedJob,
  type SchedulingPolicy,
  type SchedulingPolicyFactory,
  type Turn,
} from './machine/scheduling-policy.ts';
