import type { ConnectRouter } from '@connectrpc/connect';
import { LIMITS } from '@spider/core';
import {
  ClusterService,
  JobService,
  LoginService,
  ReadyTaskService,
  WorkerService,
} from '@spider/proto';
import type { ReadyTaskFeed } from '../queue/ready-task-feed.ts';
import type { ReadyTaskPolls } from '../queue/ready-task-polls.ts';
import type { Logins } from '../resource-group/logins.ts';
import { createClusterService } from './cluster-service.ts';
import type { ClusterServiceOptions } from './cluster-service.ts';
import { keepToOwnJobs } from './job-access.ts';
import { createJobService } from './job-service.ts';
import type { JobServiceOptions } from './job-service.ts';
import { createLoginService } from './login-service.ts';
import { createReadyTaskService } from './ready-task-service.ts';
import { addReferenceRoutes } from './reference/routes.ts';
import type { ReferenceRoutesOptions } from './reference/routes.ts';
import { createWorkerService } from './worker-service.ts';
import type { WorkerServiceOptions } from './worker-service.ts';

export interface StorageRoutesOptions
  extends JobServiceOptions, ClusterServiceOptions, WorkerServiceOptions, ReferenceRoutesOptions {
  readonly feed: ReadyTaskFeed;
  readonly polls: ReadyTaskPolls;
  readonly logins: Logins;
  /** Whether resource groups are kept to their own jobs. */
  readonly isAuthRequired: boolean;
}

/** Adds all services of an active storage; `STORAGE_SERVICES` lists them. */
export function addStorageRoutes(router: ConnectRouter, options: StorageRoutesOptions): void {
  const jobService = createJobService(options);
  const { isAuthRequired, jobs } = options;
  router.service(JobService, isAuthRequired ? keepToOwnJobs(jobService, jobs) : jobService, {
    readMaxBytes: LIMITS.clientMessageBytes,
  });
  router.service(ClusterService, createClusterService(options));
  router.service(LoginService, createLoginService(options.logins));
  router.service(ReadyTaskService, createReadyTaskService(options));
  router.service(WorkerService, createWorkerService(options));
  addReferenceRoutes(router, options);
}
