import { create, type MessageInitShape } from '@bufbuild/protobuf';
import { type Client, Code, ConnectError, type Transport } from '@connectrpc/connect';
import { frameCount, TaskOutcome } from '@spider/core';
import {
  type ExchangeRequest,
  type ExchangeResponse,
  ExchangeResponseSchema,
  fromWireTaskOutcomes,
  type JobTasks,
  JobTasksSchema,
  type TaskReports,
} from '@spider/proto';
import {
  ExecutionManagerLivenessService,
  type TaskId,
  TaskInstanceManagementService,
  toReferenceTaskId,
} from '@spider/proto/reference';
import {
  type Clock,
  type Logger,
  OutgoingStream,
  type Timer,
  createRpcClient,
} from '@spider/runtime';
import { CallQueue } from './call-queue.ts';
import { toTaskContexts } from './to-task-contexts.ts';

/** Storage of the reference forgets an execution manager after a minute of silence. */
const HEARTBEAT_MS = 1_000;

export interface ReferencePeerOptions {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly transport: Transport;
}

/**
 * A storage of the reference, as one of ours would look: a call of its own for each lease and for each
 * report. It knows no cancellation, no instances that are given back, and nothing that is kept over
 * its restart.
 */
export class ReferenceStorage {
  readonly #options: ReferencePeerOptions;
  readonly #liveness: Client<typeof ExecutionManagerLivenessService>;
  readonly #tasks: Client<typeof TaskInstanceManagementService>;
  /** The session in which each instance that is held was issued: its numbers begin anew with each. */
  readonly #sessionOf = new Map<bigint, bigint>();

  constructor(options: ReferencePeerOptions) {
    this.#options = options;
    this.#liveness = createRpcClient(ExecutionManagerLivenessService, options.transport);
    this.#tasks = createRpcClient(TaskInstanceManagementService, options.transport);
  }

  async register(): Promise<{ executionManagerId: bigint; sessionId: bigint }> {
    const { registration } = await this.#liveness.registerExecutionManager({
      ipAddress: '0.0.0.0',
    });
    if (registration === undefined) {
      throw new ConnectError('storage answered no registration', Code.Internal);
    }
    const { executionManagerId, sessionId } = registration;
    return { executionManagerId, sessionId };
  }

  exchange(
    requests: AsyncIterable<ExchangeRequest>,
    signal: AbortSignal,
  ): AsyncIterable<ExchangeResponse> {
    const conversation = new Conversation(
      this.#options,
      this.#liveness,
      this.#tasks,
      this.#sessionOf,
    );
    signal.addEventListener('abort', () => conversation.end(), { once: true });
    void conversation.listen(requests);
    return conversation.responses;
  }
}

/** What reports of both kinds say. */
interface ReportedInstance {
  readonly jobId: bigint;
  readonly taskId: TaskId;
  readonly taskInstanceId: bigint;
  readonly executionManagerId: bigint;
  readonly sessionId: bigint;
}

class Conversation {
  readonly responses = new OutgoingStream<ExchangeResponse>();
  readonly #options: ReferencePeerOptions;
  readonly #liveness: Client<typeof ExecutionManagerLivenessService>;
  readonly #tasks: Client<typeof TaskInstanceManagementService>;
  readonly #sessionOf: Map<bigint, bigint>;
  readonly #calls: CallQueue;
  /** Reports of each message that are not answered, oldest first. */
  readonly #unanswered = new Map<bigint, number>();
  #executionManagerId = 0n;
  #sessionId = 0n;
  #isOver = false;
  #timer: Timer | undefined;

  constructor(
    options: ReferencePeerOptions,
    liveness: Client<typeof ExecutionManagerLivenessService>,
    tasks: Client<typeof TaskInstanceManagementService>,
    sessionOf: Map<bigint, bigint>,
  ) {
    this.#options = options;
    this.#liveness = liveness;
    this.#tasks = tasks;
    this.#sessionOf = sessionOf;
    this.#calls = new CallQueue((error) => this.#fail(error));
  }

  async listen(requests: AsyncIterable<ExchangeRequest>): Promise<void> {
    try {
      for await (const request of requests) {
        if (request.hello !== undefined) await this.#greet(request.hello.executionManagerId);
        for (const tasks of request.leases) this.#lease(tasks);
        if (request.reports.length > 0) this.#report(request);
      }
      this.end();
    } catch (error) {
      this.#fail(error);
    }
  }

  end(): void {
    this.#stop();
    this.responses.end();
  }

  #fail(error: unknown): void {
    if (this.#isOver) return;
    this.#stop();
    this.responses.fail(ConnectError.from(error));
  }

  #stop(): void {
    this.#isOver = true;
    this.#calls.clear();
    this.#timer?.cancel();
  }

  #answer(response: MessageInitShape<typeof ExchangeResponseSchema>): void {
    if (!this.#isOver) this.responses.push(create(ExchangeResponseSchema, response));
  }

  /**
   * The first heartbeat shows whether storage knows us: a task that is registered for an execution
   * manager it does not know would end it.
   */
  async #greet(executionManagerId: bigint): Promise<void> {
    this.#executionManagerId = executionManagerId;
    this.#sessionId = await this.#beat();
    const welcome = { sessionId: this.#sessionId, heartbeatIntervalMs: HEARTBEAT_MS };
    this.#answer({ welcome });
    this.#arm();
  }

  #arm(): void {
    if (this.#isOver) return;
    this.#timer = this.#options.clock.setTimer(HEARTBEAT_MS, () => void this.#beatAgain());
  }

  async #beatAgain(): Promise<void> {
    try {
      await this.#refresh();
      this.#answer({});
      this.#arm();
    } catch (error) {
      this.#fail(error);
    }
  }

  async #beat(): Promise<bigint> {
    try {
      const { sessionId } = await this.#liveness.updateExecutionManagerHeartbeat({
        executionManagerId: this.#executionManagerId,
      });
      return sessionId;
    } catch (error) {
      const { code, rawMessage } = ConnectError.from(error);
      const isGivenUp = code === Code.InvalidArgument || code === Code.FailedPrecondition;
      throw isGivenUp ? new ConnectError(rawMessage, Code.FailedPrecondition) : error;
    }
  }

  /** @throws ConnectError if storage has another session: everything is to begin anew. */
  async #refresh(): Promise<void> {
    const sessionId = await this.#beat();
    if (sessionId === this.#sessionId) return;
    throw new ConnectError(
      `storage has session ${sessionId} instead of ${this.#sessionId}`,
      sessionId > this.#sessionId ? Code.Unavailable : Code.FailedPrecondition,
    );
  }

  #lease({ jobId, resourceGroupId, taskIndexes }: JobTasks): void {
    for (const taskIndex of taskIndexes) {
      this.#calls.add(() => this.#leaseOne(jobId, resourceGroupId, taskIndex));
    }
  }

  async #leaseOne(jobId: bigint, resourceGroupId: bigint, taskIndex: number): Promise<void> {
    const sessionId = this.#sessionId;
    try {
      const { executionContext } = await this.#tasks.registerTaskInstance({
        jobId,
        taskId: toReferenceTaskId(taskIndex),
        executionManagerId: this.#executionManagerId,
        sessionId,
      });
      const contexts = toTaskContexts(jobId, resourceGroupId, taskIndex, executionContext);
      this.#sessionOf.set(contexts.instances?.instanceBase ?? 0n, sessionId);
      this.#answer({ contexts: [contexts] });
    } catch (error) {
      const { code } = ConnectError.from(error);
      if (code !== Code.NotFound && code !== Code.FailedPrecondition) throw error;
      // Of another session, perhaps; then it is asked for again in that one.
      if (code === Code.NotFound) await this.#refresh();
      const refused = create(JobTasksSchema, { jobId, resourceGroupId, taskIndexes: [taskIndex] });
      this.#answer({ refused: [refused] });
    }
  }

  #report({ reports, reportSequence }: ExchangeRequest): void {
    let count = 0;
    for (const group of reports) {
      const outcomes = fromWireTaskOutcomes(group.outcomes);
      let start = 0;
      for (const [position, outcome] of outcomes.entries()) {
        const end = start + (group.payloadLengths[position] ?? 0);
        const payload = group.payloads.subarray(start, end);
        start = end;
        count += 1;
        this.#calls.add(() =>
          this.#reportOne(group, position, outcome, payload).then(() =>
            this.#answered(reportSequence),
          ),
        );
      }
    }
    this.#unanswered.set(reportSequence, count);
  }

  async #reportOne(
    { instances }: TaskReports,
    position: number,
    outcome: TaskOutcome,
    payload: Uint8Array,
  ): Promise<void> {
    const {
      jobId = 0n,
      instanceBase = 0n,
      instanceOffsets = [],
      taskIndexes = [],
    } = instances ?? {};
    const taskInstanceId = instanceBase + BigInt(instanceOffsets[position] ?? 0);
    const sessionId = this.#sessionOf.get(taskInstanceId);
    // What another session has issued is nothing in this one, or another instance. There is no way to
    // give an instance back: storage finds out when we are gone.
    if (
      sessionId !== undefined &&
      sessionId === this.#sessionId &&
      outcome !== TaskOutcome.Released
    ) {
      const call = {
        jobId,
        taskId: toReferenceTaskId(taskIndexes[position] ?? 0),
        taskInstanceId,
        executionManagerId: this.#executionManagerId,
        sessionId,
      };
      await this.#send(call, outcome, payload);
    }
    this.#sessionOf.delete(taskInstanceId);
  }

  async #send(call: ReportedInstance, outcome: TaskOutcome, payload: Uint8Array): Promise<void> {
    const isWhole = outcome === TaskOutcome.Succeeded && isFrame(payload);
    const errorMessage =
      outcome === TaskOutcome.Succeeded
        ? 'the executor answered outputs that are no wire frame'
        : new TextDecoder().decode(payload);
    try {
      if (isWhole) {
        await this.#tasks.reportTaskSuccess({ ...call, serializedOutputs: payload });
      } else await this.#tasks.reportTaskFailure({ ...call, errorMessage });
    } catch (error) {
      const { code, rawMessage } = ConnectError.from(error);
      if (code === Code.Unavailable || code === Code.DeadlineExceeded || code === Code.Canceled) {
        throw error;
      }
      if (code === Code.NotFound || code === Code.FailedPrecondition) return;
      this.#options.logger.warn('storage has refused a report', { reason: rawMessage });
    }
  }

  #answered(sequence: bigint): void {
    this.#unanswered.set(sequence, (this.#unanswered.get(sequence) ?? 1) - 1);
    let flushed = 0n;
    for (const [each, count] of this.#unanswered) {
      if (count > 0) break;
      flushed = each;
      this.#unanswered.delete(each);
    }
    if (flushed > 0n) this.#answer({ flushedReportSequence: flushed });
  }
}

function isFrame(payload: Uint8Array): boolean {
  try {
    frameCount(payload);
    return true;
  } catch {
    return false;
  }
}
