import { create } from '@bufbuild/protobuf';
import type { ServiceImpl } from '@connectrpc/connect';
import { type ExecutionManagerId, notFound, SpiderError } from '@spider/core';
import {
  type NextTaskRequest,
  NextTaskResponseSchema,
  SchedulerAssignmentSchema,
  type SchedulerService,
  type TaskAssignmentRecord,
  toReferenceTaskId,
  VoidSchema,
} from '@spider/proto/reference';
import { type Clock, type Deadline, DeadlineQueue, type Logger } from '@spider/runtime';

import type { Dispatcher } from '../../dispatch/dispatcher.ts';
import { type UnaryAssignment, UnaryAssignments } from './unary-assignments.ts';

export interface ReferenceSchedulerOptions {
  readonly dispatcher: Dispatcher;
  readonly clock: Clock;
  readonly logger: Logger;
  /** One that says nothing for so long is gone; what it has not acknowledged goes to another. */
  readonly silenceMs: number;
}

interface Known {
  readonly assignments: UnaryAssignments;
  readonly silence: Deadline;
}

/** What execution managers of the reference call: one task a call, acknowledged with a later one. */
export class ReferenceScheduler implements Disposable {
  readonly #options: ReferenceSchedulerOptions;
  readonly #deadlines: DeadlineQueue;
  readonly #known = new Map<bigint, Known>();
  #lastId = -1;

  constructor(options: ReferenceSchedulerOptions) {
    this.#options = options;
    this.#deadlines = new DeadlineQueue(options.clock);
  }

  get service(): ServiceImpl<typeof SchedulerService> {
    return {
      nextTask: async (request, { signal }) => {
        const { assignments } = this.#heard(request.executionManagerId);
        this.#acknowledge(assignments, request);
        const assignment = await assignments.next(toWaitMs(request.waitTimeMs), signal);
        return toResponse(assignment);
      },
      heartbeat: ({ executionManagerId }) => {
        this.#heard(executionManagerId);
        return create(VoidSchema);
      },
      shutdown: ({ executionManagerId, prevAssignments }) => {
        const known = this.#known.get(executionManagerId);
        if (known === undefined) {
          throw notFound(`execution manager ${executionManagerId} is not known here`);
        }
        for (const record of prevAssignments) this.#acknowledgeOne(known.assignments, record);
        known.assignments.leave(new SpiderError('cancelled', 'the execution manager has left'));
        return create(VoidSchema);
      },
    };
  }

  [Symbol.dispose](): void {
    const error = new SpiderError('unavailable', 'the scheduler is stopping');
    for (const { assignments } of this.#known.values()) assignments.leave(error);
    this.#deadlines[Symbol.dispose]();
  }

  /** A sign of life, also of one that nobody has heard of before. */
  #heard(id: bigint): Known {
    const known = this.#known.get(id) ?? this.#enter(id);
    known.silence.set(this.#options.silenceMs);
    return known;
  }

  #enter(id: bigint): Known {
    const { dispatcher, clock, logger, silenceMs } = this.#options;
    const silence: Deadline = this.#deadlines.create(() => {
      if (this.#known.get(id)?.assignments.isWaiting === true) {
        silence.set(silenceMs);
        return;
      }
      logger.info('an execution manager of the reference is lost', { executionManagerId: id });
      const error = new SpiderError('unavailable', `execution manager ${id} was silent`);
      this.#known.get(id)?.assignments.leave(error);
    });
    const assignments = new UnaryAssignments({
      executionManagerId: id as ExecutionManagerId,
      dispatcher,
      clock,
      deadlines: this.#deadlines,
      acknowledgementTimeoutMs: silenceMs,
      nextId: () => (this.#lastId += 1),
      onClosed: () => {
        silence.clear();
        this.#known.delete(id);
      },
    });
    const known = { assignments, silence };
    this.#known.set(id, known);
    return known;
  }

  #acknowledge(assignments: UnaryAssignments, { prevAssignment }: NextTaskRequest): void {
    if (prevAssignment !== undefined) this.#acknowledgeOne(assignments, prevAssignment);
  }

  /** One that is wrong does no harm to the call that it comes with. */
  #acknowledgeOne(assignments: UnaryAssignments, { id, from }: TaskAssignmentRecord): void {
    if (assignments.acknowledge(id, from)) return;
    this.#options.logger.debug('an acknowledgement names no assignment', { assignment: id, from });
  }
}

const toWaitMs = (waitMs: bigint): number => Math.min(Number(waitMs), Number.MAX_SAFE_INTEGER);

function toResponse(
  assignment: UnaryAssignment | undefined,
): ReturnType<typeof create<typeof NextTaskResponseSchema>> {
  if (assignment === undefined) {
    return create(NextTaskResponseSchema, {
      result: { case: 'noTask', value: create(VoidSchema) },
    });
  }
  const value = create(SchedulerAssignmentSchema, {
    id: BigInt(assignment.id),
    resourceGroupId: BigInt(assignment.resourceGroupId),
    jobId: BigInt(assignment.jobId),
    taskId: toReferenceTaskId(assignment.taskIndex),
    schedulerId: assignment.schedulerId,
    sessionId: assignment.sessionId,
  });
  return create(NextTaskResponseSchema, { result: { case: 'assignment', value } });
}
