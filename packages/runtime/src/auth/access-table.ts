import type { DescService } from '@bufbuild/protobuf';
import {
  AssignmentService,
  ClusterService,
  HealthService,
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
  SchedulerService,
  SessionManagementService,
  TaskInstanceManagementService,
} from '@spider/proto/reference';

/**
 * Who a caller has to be: `anybody`; `user`, a resource group or an administrator, of whom the former is
 * kept to what is its own; `administrator`; or `process`, a part of the cluster itself.
 */
export type RequiredIdentity = 'anybody' | 'user' | 'administrator' | 'process';

type Methods<Service extends DescService> = Readonly<
  Record<Extract<keyof Service['method'], string>, RequiredIdentity>
>;

const table = new Map<string, RequiredIdentity>();

function demand<Service extends DescService>(service: Service, methods: Methods<Service>): void {
  for (const method of service.methods) {
    const required = (methods as Readonly<Record<string, RequiredIdentity>>)[method.localName];
    if (required !== undefined) table.set(`${service.typeName}/${method.name}`, required);
  }
}

demand(HealthService, { check: 'anybody', watch: 'anybody' });
demand(LoginService, { login: 'anybody', whoAmI: 'anybody' });
demand(JobService, {
  submitJob: 'user',
  startJob: 'user',
  cancelJob: 'user',
  getJob: 'user',
  watchJob: 'user',
  getJobOutputs: 'user',
  listJobs: 'user',
  describeJob: 'user',
  listTasks: 'user',
  deleteJob: 'user',
  retryJob: 'user',
  uploadJob: 'user',
  downloadJobOutputs: 'user',
  readTaskLog: 'user',
});
demand(ClusterService, {
  // How clients find out which storage is the active one; a standby knows nobody.
  getServerInfo: 'anybody',
  listExecutionManagers: 'administrator',
  listSchedulers: 'administrator',
  getQueues: 'administrator',
  drainExecutionManager: 'administrator',
});
demand(ReadyTaskService, { pullReadyTasks: 'process' });
demand(AssignmentService, { pullAssignments: 'process' });
demand(WorkerService, {
  registerExecutionManager: 'process',
  deregisterExecutionManager: 'process',
  exchange: 'process',
});

// Of the reference.
demand(JobOrchestrationService, {
  registerJob: 'user',
  startJob: 'user',
  cancelJob: 'user',
  getJobState: 'user',
  getJobOutputs: 'user',
  getJobError: 'user',
});
demand(ResourceGroupManagementService, {
  addResourceGroup: 'administrator',
  verifyResourceGroup: 'administrator',
});
demand(TaskInstanceManagementService, {
  registerTaskInstance: 'process',
  reportTaskSuccess: 'process',
  reportTaskFailure: 'process',
});
demand(InboundQueueService, {
  pollReadyTasks: 'process',
  pollReadyCommitTasks: 'process',
  pollReadyCleanupTasks: 'process',
});
demand(ExecutionManagerLivenessService, {
  registerExecutionManager: 'process',
  updateExecutionManagerHeartbeat: 'process',
});
demand(SchedulerRegistrationService, { registerScheduler: 'process', getSchedulers: 'process' });
demand(SessionManagementService, { getSession: 'process' });
demand(SchedulerService, { nextTask: 'process', heartbeat: 'process', shutdown: 'process' });

/** By `spider.v1.JobService/SubmitJob` and the like. What is not in here is refused to everybody. */
export const ACCESS_TABLE: ReadonlyMap<string, RequiredIdentity> = table;
