import type { DescService } from '@bufbuild/protobuf';
import {
  ClusterService,
  JobService,
  LoginService,
  ReadyTaskService,
  WorkerService,
} from '@spider/proto';
import {
  ExecutionManagerLivenessService,
  InboundQueueService,
  JobOrchestrationService,
  ResourceGroupManagementService,
  SchedulerRegistrationService,
  SessionManagementService,
  TaskInstanceManagementService,
} from '@spider/proto/reference';

/** All services that storage has when it is active. */
export const STORAGE_SERVICES: readonly DescService[] = [
  JobService,
  ClusterService,
  LoginService,
  ReadyTaskService,
  WorkerService,
  ExecutionManagerLivenessService,
  InboundQueueService,
  JobOrchestrationService,
  ResourceGroupManagementService,
  SchedulerRegistrationService,
  SessionManagementService,
  TaskInstanceManagementService,
];
