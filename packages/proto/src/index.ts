// The messages and services of spider.v1, and what turns them into the domain's terms.
export {
  type SubmitJobRequest,
  SubmitJobRequestSchema,
  type SubmitJobResponse,
  SubmitJobResponseSchema,
  type StartJobRequest,
  StartJobRequestSchema,
  type StartJobResponse,
  StartJobResponseSchema,
  type CancelJobRequest,
  CancelJobRequestSchema,
  type CancelJobResponse,
  CancelJobResponseSchema,
  type JobStatus,
  JobStatusSchema,
  type GetJobRequest,
  GetJobRequestSchema,
  type GetJobResponse,
  GetJobResponseSchema,
  type WatchJobRequest,
  WatchJobRequestSchema,
  type WatchJobResponse,
  WatchJobResponseSchema,
  type GetJobOutputsRequest,
  GetJobOutputsRequestSchema,
  type GetJobOutputsResponse,
  GetJobOutputsResponseSchema,
  JobService,
} from './gen/spider/v1/job_pb.ts';

export {
  type JobTasks,
  JobTasksSchema,
  type JobInstances,
  JobInstancesSchema,
  JobState as WireJobState,
  TaskOutcome as WireTaskOutcome,
} from './gen/spider/v1/task_graph_pb.ts';

export {
  type RegisterExecutionManagerRequest,
  RegisterExecutionManagerRequestSchema,
  type RegisterExecutionManagerResponse,
  RegisterExecutionManagerResponseSchema,
  type DeregisterExecutionManagerRequest,
  DeregisterExecutionManagerRequestSchema,
  type DeregisterExecutionManagerResponse,
  DeregisterExecutionManagerResponseSchema,
  type ExchangeRequest,
  ExchangeRequestSchema,
  type WorkerHello,
  WorkerHelloSchema,
  type TaskReports,
  TaskReportsSchema,
  type ExchangeResponse,
  ExchangeResponseSchema,
  type WorkerWelcome,
  WorkerWelcomeSchema,
  type TaskContexts,
  TaskContextsSchema,
  type TaskKind,
  TaskKindSchema,
  WorkerService,
} from './gen/spider/v1/worker_pb.ts';

export {
  type PullReadyTasksRequest,
  PullReadyTasksRequestSchema,
  type SchedulerHello,
  SchedulerHelloSchema,
  type PullReadyTasksResponse,
  PullReadyTasksResponseSchema,
  type SchedulerWelcome,
  SchedulerWelcomeSchema,
  type PullAssignmentsRequest,
  PullAssignmentsRequestSchema,
  type AssignmentHello,
  AssignmentHelloSchema,
  type PullAssignmentsResponse,
  PullAssignmentsResponseSchema,
  ReadyTaskService,
  AssignmentService,
} from './gen/spider/v1/dispatch_pb.ts';

export {
  checkAssignments,
  checkExchangeRequest,
  checkExchangeResponse,
  checkReadyTasks,
} from './convert/batch.ts';
export { fromConnectError, toConnectError } from './convert/error.ts';
export { fromWireJobState, toWireJobState } from './convert/job-state.ts';
export { fromWireTaskOutcomes, toWireTaskOutcomes } from './convert/task-outcome.ts';
