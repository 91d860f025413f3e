import { create } from '@bufbuild/protobuf';
import type { ConnectRouter, ConnectRouterOptions } from '@connectrpc/connect';
import { LIMITS } from '@spider/core';
import type { SessionId, Zstd } from '@spider/core';
import {
  ExecutionManagerLivenessService,
  GetSessionResponseSchema,
  InboundQueueService,
  JobOrchestrationService,
  ResourceGroupManagementService,
  SchedulerRegistrationService,
  SessionManagementService,
  TaskInstanceManagementService,
} from '@spider/proto/reference';
import type { Clock, Logger, Rng } from '@spider/runtime';
import type { ClusterStore } from '../../db/job-store.ts';
import type { Jobs } from '../../jobs.ts';
import type { ExecutionManagerRegistry } from '../../liveness/execution-manager-registry.ts';
import type { ReadyTaskPolls } from '../../queue/ready-task-polls.ts';
import type { ResourceGroups } from '../../resource-group/resource-groups.ts';
import { keepToOwnReferenceJobs } from '../job-access.ts';
import { createInboundQueueService } from './inbound-queue-service.ts';
import { createJobOrchestrationService } from './job-orchestration-service.ts';
import { createLivenessService } from './liveness-service.ts';
import { createResourceGroupService } from './resource-group-service.ts';
import { createSchedulerRegistrationService } from './scheduler-registration-service.ts';
import { createTaskInstanceService } from './task-instance-service.ts';
import { UnaryTasks } from './unary-tasks.ts';
import type { UnaryTasksOptions } from './unary-tasks.ts';

export interface ReferenceRoutesOptions extends UnaryTasksOptions {
  readonly clock: Clock;
  readonly rng: Rng;
  readonly logger: Logger;
  readonly zstd: Zstd;
  readonly sessionId: SessionId;
  readonly jobs: Jobs;
  readonly polls: ReadyTaskPolls;
  readonly registry: ExecutionManagerRegistry;
  readonly resourceGroups: ResourceGroups;
  readonly store: ClusterStore;
  /** Whether resource groups are kept to their own jobs. */
  readonly isAuthRequired: boolean;
}

/** They speak nothing but gRPC. */
const SMALL: ConnectRouterOptions = {
  readMaxBytes: LIMITS.referenceMessageBytes,
  connect: false,
  grpcWeb: false,
};

/** For messages that carry graphs, inputs or outputs. */
const LARGE: ConnectRouterOptions = { ...SMALL, readMaxBytes: LIMITS.referenceRequestBytes };

/** Adds the services of the reference, for its clients, schedulers and execution managers. */
export function addReferenceRoutes(router: ConnectRouter, options: ReferenceRoutesOptions): void {
  const { sessionId, isAuthRequired, jobs } = options;
  const tasks = new UnaryTasks(options);
  const orchestration = createJobOrchestrationService(options);
  router.service(
    JobOrchestrationService,
    isAuthRequired ? keepToOwnReferenceJobs(orchestration, jobs) : orchestration,
    LARGE,
  );
  router.service(
    TaskInstanceManagementService,
    createTaskInstanceService({ ...options, tasks }),
    LARGE,
  );
  router.service(InboundQueueService, createInboundQueueService(options), SMALL);
  router.service(
    ResourceGroupManagementService,
    createResourceGroupService(options.resourceGroups),
    SMALL,
  );
  router.service(ExecutionManagerLivenessService, createLivenessService(options), SMALL);
  router.service(SchedulerRegistrationService, createSchedulerRegistrationService(options), SMALL);
  router.service(
    SessionManagementService,
    { getSession: () => create(GetSessionResponseSchema, { sessionId }) },
    SMALL,
  );
}
