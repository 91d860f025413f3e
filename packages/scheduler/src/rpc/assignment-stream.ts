import {
  checkLabels,
  checkProtocolVersion,
  type ExecutionManagerId,
  invalidArgument,
  LIMITS,
  type SpiderError,
} from '@spider/core';
import type {
  AssignmentHello,
  PullAssignmentsRequest,
  PullAssignmentsResponse,
} from '@spider/proto';
import { toGroupNumbers } from '@spider/proto';
import type { Logger, RpcStream, RpcStreamCallbacks } from '@spider/runtime';

import type { AssignmentSink, Dispatcher } from '../dispatch/dispatcher.ts';
import type { AssignmentBatch, ConnectionNumber } from '../machine/dispatch-event.ts';

/** One execution manager's stream of assignments, between the wire and the dispatcher. */
export class AssignmentStream
  implements AssignmentSink, RpcStreamCallbacks<PullAssignmentsRequest>
{
  readonly #stream: RpcStream<PullAssignmentsResponse>;
  readonly #dispatcher: Dispatcher;
  #logger: Logger;
  /** Unknown until the hello. */
  #connection: ConnectionNumber | undefined;

  constructor(
    stream: RpcStream<PullAssignmentsResponse>,
    { dispatcher, logger }: { readonly dispatcher: Dispatcher; readonly logger: Logger },
  ) {
    this.#stream = stream;
    this.#dispatcher = dispatcher;
    this.#logger = logger;
  }

  /** @throws SpiderError 'invalid-argument' that names the field and the rule. */
  onMessage(request: PullAssignmentsRequest): void {
    if ((request.hello === undefined) !== (this.#connection !== undefined)) {
      throw invalidArgument('hello: is in the first message of a stream, and only there');
    }
    if (request.hello !== undefined) this.#connection = this.#connect(request.hello);
    if (this.#connection === undefined) return;
    this.#dispatcher.pulled(this.#connection, {
      credit: request.credit,
      // Rounding is harmless: a number that large was never sent.
      acknowledgedBatch: Number(request.acknowledgedBatch),
      draining: request.draining,
    });
  }

  onClose(reason: SpiderError | undefined): void {
    if (this.#connection === undefined) return;
    this.#dispatcher.disconnect(this.#connection);
    this.#logger.info('an execution manager disconnected', { reason: reason?.message });
  }

  send(batch: AssignmentBatch): void {
    this.#stream.send(toResponse(batch));
  }

  close(error: SpiderError): void {
    this.#stream.cancel(error);
  }

  #connect(hello: AssignmentHello): ConnectionNumber {
    const { executionManagerId, slots, labels } = hello;
    checkProtocolVersion(hello.protocolVersion, 'scheduler');
    if (executionManagerId === 0n) throw invalidArgument('hello.execution_manager_id: is missing');
    if (slots < 1 || slots > LIMITS.slotsPerExecutionManager) {
      throw invalidArgument(`hello.slots: ${slots} is not in 1…${LIMITS.slotsPerExecutionManager}`);
    }
    checkLabels(labels, 'hello.labels', LIMITS.labelsPerExecutionManager);
    const resourceGroupIds = toGroupNumbers(hello.resourceGroupIds, 'hello.resource_group_ids');
    this.#logger = this.#logger.child({ executionManagerId });
    this.#logger.info('an execution manager connected', { slots, labels, resourceGroupIds });
    const profile = { labels, resourceGroupIds };
    return this.#dispatcher.connect(executionManagerId as ExecutionManagerId, profile, this);
  }
}

function toResponse({ number, sessionId, tasks }: AssignmentBatch): PullAssignmentsResponse {
  return {
    $typeName: 'spider.v1.PullAssignmentsResponse',
    batch: BigInt(number),
    sessionId,
    tasks: tasks.map(({ job, taskIndexes }) => ({
      $typeName: 'spider.v1.JobTasks',
      jobId: BigInt(job.jobId),
      resourceGroupId: BigInt(job.resourceGroupId),
      // Read, never written to.
      taskIndexes: taskIndexes as number[],
    })),
  };
}
