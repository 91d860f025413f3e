export { assert, InvariantError } from './assert.ts';
export {
  failedPrecondition,
  invalidArgument,
  notFound,
  SpiderError,
  type SpiderErrorCode,
} from './error.ts';
export { decodeTaskGraph, decodeTaskGraphInSteps } from './graph/codec/decode-task-graph.ts';
export { runSteps, type Steps } from './steps.ts';
export { encodeTaskGraph } from './graph/codec/encode-task-graph.ts';
export { isDefaultPolicy, validateExecutionPolicy } from './graph/execution-policy.ts';
export {
  decodeCompressedTaskGraph,
  encodeCompressedTaskGraph,
} from './graph/json/compressed-task-graph.ts';
export { parseTaskGraphJson, writeTaskGraphJson } from './graph/json/task-graph-json.ts';
export {
  decodeTaskGraphMsgpack,
  encodeTaskGraphMsgpack,
} from './graph/msgpack/task-graph-msgpack.ts';
export { TaskGraphBuilder } from './graph/task-graph-builder.ts';
export {
  DEFAULT_EXECUTION_POLICY,
  type ExecutionPolicy,
  SOURCE_CONSTANT,
  SOURCE_JOB_INPUT,
  type TaskGraph,
  type TaskKind,
  type TerminationTask,
} from './graph/task-graph.ts';
export { retryDelayMs } from './graph/execution-policy.ts';
export { applyPolicyOptions, type TaskPolicyOptions } from './graph/task-policy-options.ts';
export type { TaskOutput, TaskSource, TaskSpec } from './graph/task-spec.ts';
export { topologicalRanks } from './graph/topological-rank.ts';
export {
  type AssignmentId,
  CLEANUP_TASK_INDEX,
  COMMIT_TASK_INDEX,
  type ExecutionManagerId,
  type Id,
  ID_MAX,
  type JobId,
  parseId,
  type ResourceGroupId,
  type SchedulerId,
  type SessionId,
  type TaskIndex,
  type TaskInstanceId,
  toId,
} from './id.ts';
export {
  DEFAULT_JOB_POLICY,
  type Durability,
  type FailurePolicy,
  type JobPolicy,
} from './job-policy.ts';
export {
  canJobMove,
  type FinalJobState,
  isFinalJobState,
  JobState,
  jobStateName,
} from './job-state.ts';
export { LIMITS } from './limits.ts';
export {
  checkProtocolVersion,
  PROTOCOL_VERSION,
  PROTOCOL_VERSION_MIN,
} from './protocol-version.ts';
export { type FairJob, FairPlace, type JobOrder } from './scheduling/fair-place.ts';
export {
  type Eligibility,
  EQUAL_SHARING,
  FairQueue,
  type Sharing,
} from './scheduling/fair-queue.ts';
export { checkLabels, type Labels, labelsMeet, requirementKey } from './scheduling/labels.ts';
export { SessionTracker } from './session.ts';
export { TaskOutcome } from './task-outcome.ts';
export { canTaskMove, isFinalTaskState, TaskState, taskStateName } from './task-state.ts';
export { durationMs, type DurationMs, timestampMs, type TimestampMs } from './time.ts';
export { inner, list, map, optional, shared } from './value/composite-types.ts';
export { MsgpackReader } from './value/msgpack-reader.ts';
export { MsgpackWriter } from './value/msgpack-writer.ts';
export {
  boolean,
  bytes,
  float32,
  float64,
  int16,
  int32,
  int64,
  int8,
  string,
} from './value/scalar-types.ts';
export { struct, type StructValue } from './value/struct-type.ts';
export type { TaskSignature } from './value/task-signature.ts';
export type {
  FloatName,
  IntName,
  MapKeyType,
  TypeDescriptor,
  ValueType,
} from './value/type-descriptor.ts';
export { formatType, typeEquals, validateTypeDescriptor } from './value/type-equality.ts';
export type { NameOf, NotShared, Type, Types, ValueOf, ValuesOf } from './value/type.ts';
export { describeValue, ValueError, withPath } from './value/value-error.ts';
export {
  appendValues,
  decodeValue,
  decodeValues,
  encodeValue,
  encodeValues,
  readValues,
  type SlotName,
} from './value/value-frame.ts';
export { ByteWriter } from './wire/byte-writer.ts';
export { crc32 } from './wire/crc32.ts';
export {
  decodeExecutorError,
  decodeTdlError,
  encodeExecutorError,
  encodeTdlError,
  type ExecutorError,
  formatExecutorError,
  type TdlError,
  type Version,
} from './wire/executor-error.ts';
export {
  appendCancelRequest,
  appendGiveBackRequest,
  appendGivenBack,
  appendGreeting,
  decodeExecutorNotice,
  EXECUTOR_DESCRIPTORS_ENV,
  EXECUTOR_MESSAGE_BYTES_ENV,
  type ExecutorControl,
  type ExecutorNotice,
  ExtendedRequest,
} from './wire/executor-extensions.ts';
export {
  droppedOutputText,
  EXECUTOR_LOGS_ENV,
  formatLogMark,
  type LogMark,
  logMarkPrefix,
  parseLogMark,
} from './wire/executor-logs.ts';
export { ExecutorFrameReader } from './wire/executor-frame-reader.ts';
export {
  appendExecuteRequest,
  appendResult,
  appendShutdownRequest,
  decodeExecutorRequest,
  decodeExecutorResult,
  encodeExecutePrefix,
  encodeShutdownRequest,
  EXECUTOR_EXTENSIONS_ENV,
  ExecutorOutcome,
  type ExecutorRequest,
  type ExecutorResult,
  ExecutorResultReader,
} from './wire/executor-pipe.ts';
export {
  type ExecutorThreadData,
  type ExecutorThreadMessage,
  THREAD_TEXT_BYTES_MAX,
} from './wire/executor-thread.ts';
export {
  decodeFrame,
  EMPTY_FRAME,
  encodeFrame,
  frameBounds,
  frameCount,
  payloadEnd,
} from './wire/frame.ts';
export {
  askedPermissions,
  EXECUTOR_PERMISSIONS_ENV,
  PACKAGE_PERMISSIONS,
  type PackagePermission,
} from './wire/package-permissions.ts';
export { decodeSerializedOutputs, encodeSerializedOutputs } from './wire/serialized-outputs.ts';
export {
  appendTaskContext,
  decodeTaskContext,
  encodeTaskContext,
  type TaskContextFields,
} from './wire/task-context.ts';
export type { Zstd } from './wire/zstd.ts';
