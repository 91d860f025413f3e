import { create } from '@bufbuild/protobuf';
import { type Client, ConnectError } from '@connectrpc/connect';
import {
  type PullAssignmentsRequest,
  type PullAssignmentsResponse,
  PullAssignmentsResponseSchema,
} from '@spider/proto';
import {
  fromNextTaskResponse,
  type ReferenceAssignment,
  SchedulerService,
  type TaskAssignmentRecord,
  TaskAssignmentRecordSchema,
} from '@spider/proto/reference';
import { OutgoingStream, type Timer, createRpcClient } from '@spider/runtime';
import type { Farewells } from './farewells.ts';
import type { ReferencePeerOptions } from './reference-storage.ts';

/** Schedulers of the reference give up an execution manager after 30 s of silence. */
const HEARTBEAT_MS = 1_000;
/** How long a scheduler may wait for a task before it says that it has none. */
const WAIT_MS = 1_000n;

export interface ReferenceSchedulerOptions extends ReferencePeerOptions {
  readonly farewells: Farewells;
}

/**
 * A scheduler of the reference, as one of ours would look: each task that is wanted is asked for by a
 * call of its own, one at a time. An acknowledgement goes with the next call, and is sent once.
 */
export class ReferenceScheduler {
  readonly #options: ReferenceSchedulerOptions;
  readonly #scheduler: Client<typeof SchedulerService>;

  constructor(options: ReferenceSchedulerOptions) {
    this.#options = options;
    this.#scheduler = createRpcClient(SchedulerService, options.transport);
  }

  pullAssignments(
    requests: AsyncIterable<PullAssignmentsRequest>,
    signal: AbortSignal,
  ): AsyncIterable<PullAssignmentsResponse> {
    const conversation = new Conversation(this.#options, this.#scheduler);
    signal.addEventListener('abort', () => conversation.end(), { once: true });
    void conversation.listen(requests);
    return conversation.responses;
  }
}

class Conversation {
  readonly responses = new OutgoingStream<PullAssignmentsResponse>();
  readonly #options: ReferenceSchedulerOptions;
  readonly #saidFarewell: () => void;
  readonly #scheduler: Client<typeof SchedulerService>;
  readonly #abort = new AbortController();
  /** What is not acknowledged, by the number of its batch, oldest first. */
  readonly #assigned = new Map<bigint, TaskAssignmentRecord>();
  readonly #acknowledgements: TaskAssignmentRecord[] = [];
  #executionManagerId: bigint | undefined;
  #credit = 0;
  #lastBatch = 0n;
  #isAsking = false;
  #isOver = false;
  #hasLeft = false;
  #timer: Timer | undefined;

  constructor(options: ReferenceSchedulerOptions, scheduler: Client<typeof SchedulerService>) {
    this.#options = options;
    this.#saidFarewell = options.farewells.begin();
    this.#scheduler = scheduler;
  }

  async listen(requests: AsyncIterable<PullAssignmentsRequest>): Promise<void> {
    try {
      for await (const request of requests) this.#hear(request);
      this.end();
    } catch (error) {
      this.#fail(error);
    }
  }

  end(): void {
    if (this.#isOver) return;
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
    this.#leave();
  }

  /** Says goodbye, once: what is not acknowledged is assigned elsewhere. */
  #leave(): void {
    if (this.#hasLeft) return;
    this.#hasLeft = true;
    this.#timer?.cancel();
    this.#abort.abort();
    const executionManagerId = this.#executionManagerId;
    if (executionManagerId === undefined) {
      this.#saidFarewell();
      return;
    }
    const prevAssignments = this.#acknowledgements.splice(0);
    // It may not know us, or be gone.
    this.#scheduler
      .shutdown({ executionManagerId, prevAssignments })
      .catch(() => undefined)
      .finally(this.#saidFarewell);
  }

  #hear({ hello, credit, acknowledgedBatch, draining }: PullAssignmentsRequest): void {
    if (hello !== undefined) {
      this.#executionManagerId = hello.executionManagerId;
      this.#arm();
    }
    this.#credit = draining ? 0 : this.#credit + credit;
    for (const [batch, record] of this.#assigned) {
      if (batch > acknowledgedBatch) break;
      this.#assigned.delete(batch);
      this.#acknowledgements.push(record);
    }
    if (draining && this.#assigned.size === 0) this.#leave();
    else void this.#ask();
  }

  #arm(): void {
    this.#timer = this.#options.clock.setTimer(HEARTBEAT_MS, () => {
      const executionManagerId = this.#executionManagerId ?? 0n;
      this.#scheduler.heartbeat({ executionManagerId }).then(
        () => !this.#hasLeft && this.#arm(),
        (error: unknown) => !this.#hasLeft && this.#fail(error),
      );
    });
  }

  /** Asks for one task after the other while there is credit. */
  async #ask(): Promise<void> {
    if (this.#isAsking) return;
    this.#isAsking = true;
    try {
      while (this.#credit > 0 && !this.#hasLeft) {
        const prevAssignment = this.#acknowledgements.shift();
        const response = await this.#scheduler.nextTask(
          {
            executionManagerId: this.#executionManagerId ?? 0n,
            ...(prevAssignment !== undefined && { prevAssignment }),
            waitTimeMs: WAIT_MS,
          },
          { signal: this.#abort.signal },
        );
        const assignment = fromNextTaskResponse(response);
        if (assignment !== undefined) this.#assign(assignment);
      }
    } catch (error) {
      if (!this.#hasLeft) this.#fail(error);
    } finally {
      this.#isAsking = false;
    }
  }

  #assign({ assignment, taskIndex }: ReferenceAssignment): void {
    if (this.#isOver) return;
    const { id, schedulerId, sessionId, jobId, resourceGroupId } = assignment;
    this.#credit -= 1;
    this.#lastBatch += 1n;
    this.#assigned.set(
      this.#lastBatch,
      create(TaskAssignmentRecordSchema, { id, from: schedulerId }),
    );
    this.responses.push(
      create(PullAssignmentsResponseSchema, {
        batch: this.#lastBatch,
        sessionId,
        tasks: [{ jobId, resourceGroupId, taskIndexes: [taskIndex] }],
      }),
    );
  }
}
