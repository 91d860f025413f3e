import { invalidArgument, LIMITS } from '@spider/core';

import type {
  PullAssignmentsResponse,
  PullReadyTasksRequest,
  PullReadyTasksResponse,
} from '../gen/spider/v1/dispatch_pb.ts';
import type { JobInstances, JobTasks } from '../gen/spider/v1/task_graph_pb.ts';
import type {
  ExchangeRequest,
  ExchangeResponse,
  TaskContexts,
  TaskReports,
} from '../gen/spider/v1/worker_pb.ts';
import { fromWireTaskOutcomes } from './task-outcome.ts';
import { checkTaskLogPiece, checkTaskLogQuery } from './task-log.ts';

/**
 * The batched messages of `spider.v1` carry parallel arrays. What is checked here holds for all of
 * them, once, at the edge: arrays that run in parallel are equally long, lengths add up to the bytes
 * they cut, positions exist, and no message carries more tasks than a machine takes in one step.
 */

/** @throws SpiderError 'invalid-argument' that names the field and the rule. */
export function checkExchangeRequest(request: ExchangeRequest): void {
  const { hello, leases, reports } = request;
  if (hello !== undefined) checkEachInstances(hello.held, 'hello.held', LIMITS.heldInstances);
  checkEachTasks(leases, 'leases');
  checkTotal(reports, instancesCount, 'reports', LIMITS.tasksPerMessage);
  for (let at = 0; at < reports.length; at++) {
    const report = reports[at];
    if (report !== undefined) checkReports(report, `reports[${at}]`);
  }
  for (const piece of request.logPieces) checkTaskLogPiece(piece);
}

/** @throws SpiderError 'invalid-argument' that names the field and the rule. */
export function checkExchangeResponse(response: ExchangeResponse): void {
  const { contexts, refused, cancelled } = response;
  checkTotal(contexts, instancesCount, 'contexts', LIMITS.tasksPerMessage);
  for (let at = 0; at < contexts.length; at++) {
    const context = contexts[at];
    if (context !== undefined) checkContexts(context, `contexts[${at}]`);
  }
  checkEachTasks(refused, 'refused');
  checkEachInstances(cancelled, 'cancelled', LIMITS.tasksPerMessage);
  for (const { query } of response.logReads) if (query !== undefined) checkTaskLogQuery(query);
}

/** @throws SpiderError 'invalid-argument' that names the field and the rule. */
export function checkReadyTasks(response: PullReadyTasksResponse): void {
  checkEachTasks(response.ready, 'ready');
}

/** @throws SpiderError 'invalid-argument' that names the field and the rule. */
export function checkReturnedTasks(request: PullReadyTasksRequest): void {
  checkEachTasks(request.returned, 'returned');
}

/** @throws SpiderError 'invalid-argument' that names the field and the rule. */
export function checkAssignments(response: PullAssignmentsResponse): void {
  checkEachTasks(response.tasks, 'tasks');
}

const tasksCount = (tasks: JobTasks): number => tasks.taskIndexes.length;
const instancesCount = (entry: TaskReports | TaskContexts): number =>
  entry.instances?.taskIndexes.length ?? 0;

function checkTotal<T>(
  entries: readonly T[],
  count: (entry: T) => number,
  field: string,
  most: number,
): void {
  let total = 0;
  for (const entry of entries) total += count(entry);
  if (total > most) throw invalidArgument(`${field}: ${total} tasks are more than ${most}`);
}

function checkEachTasks(tasks: readonly JobTasks[], field: string): void {
  checkTotal(tasks, tasksCount, field, LIMITS.tasksPerMessage);
}

function checkEachInstances(all: readonly JobInstances[], field: string, most: number): void {
  checkTotal(all, (instances) => instances.taskIndexes.length, field, most);
  for (let at = 0; at < all.length; at++) {
    const instances = all[at];
    if (instances !== undefined) checkInstances(instances, `${field}[${at}]`);
  }
}

/** Ids of instances are numbers that doubles hold, also with the largest offset. */
const INSTANCE_BASE_MAX = BigInt(Number.MAX_SAFE_INTEGER - 0xffff_ffff);

function checkInstances(instances: JobInstances, field: string): void {
  checkParallel(
    instances.instanceOffsets.length,
    instances.taskIndexes.length,
    `${field}.instance_offsets`,
  );
  if (instances.instanceBase <= INSTANCE_BASE_MAX) return;
  throw invalidArgument(
    `${field}.instance_base: ${instances.instanceBase} is more than ${INSTANCE_BASE_MAX}`,
  );
}

function checkReports(reports: TaskReports, field: string): void {
  if (reports.instances === undefined) throw invalidArgument(`${field}.instances: is missing`);
  checkInstances(reports.instances, `${field}.instances`);
  const count = reports.instances.taskIndexes.length;
  checkParallel(reports.outcomes.length, count, `${field}.outcomes`);
  checkParallel(reports.payloadLengths.length, count, `${field}.payload_lengths`);
  checkParallel(reports.startedOffsetsMs.length, count, `${field}.started_offsets_ms`);
  checkParallel(reports.elapsedUs.length, count, `${field}.elapsed_us`);
  fromWireTaskOutcomes(reports.outcomes);
  checkLengths(reports.payloadLengths, reports.payloads, `${field}.payload_lengths`);
}

function checkContexts(contexts: TaskContexts, field: string): void {
  if (contexts.instances === undefined) throw invalidArgument(`${field}.instances: is missing`);
  checkInstances(contexts.instances, `${field}.instances`);
  const count = contexts.instances.taskIndexes.length;
  checkParallel(contexts.kindPositions.length, count, `${field}.kind_positions`);
  checkParallel(contexts.inputLengths.length, count, `${field}.input_lengths`);
  const kinds = contexts.kinds.length;
  for (let at = 0; at < count; at++) {
    const position = contexts.kindPositions[at] ?? 0;
    if (position >= kinds) {
      throw invalidArgument(`${field}.kind_positions[${at}]: ${position} is not below ${kinds}`);
    }
  }
  checkLengths(contexts.inputLengths, contexts.inputs, `${field}.input_lengths`);
}

function checkParallel(length: number, expected: number, field: string): void {
  if (length !== expected) {
    throw invalidArgument(`${field}: has ${length} entries for ${expected} tasks`);
  }
}

function checkLengths(lengths: readonly number[], bytes: Uint8Array, field: string): void {
  let total = 0;
  for (let at = 0; at < lengths.length; at++) {
    const length = lengths[at] ?? 0;
    if (length > LIMITS.taskPayloadBytes) {
      throw invalidArgument(`${field}[${at}]: ${length} is over ${LIMITS.taskPayloadBytes} bytes`);
    }
    total += length;
  }
  if (total !== bytes.length) {
    throw invalidArgument(`${field}: add up to ${total}, but ${bytes.length} bytes were sent`);
  }
}
