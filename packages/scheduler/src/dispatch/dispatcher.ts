import type { ExecutionManagerId, SchedulerId, SessionId, SpiderError } from '@spider/core';
import type { Clock, Logger } from '@spider/runtime';

import type { ReadyTaskStream } from '../inbound/ready-task-source.ts';
import type {
  AssignmentBatch,
  ConnectionNumber,
  DispatchEffect,
  DispatchEvent,
  PoolNumber,
  ReadyTasks,
} from '../machine/dispatch-event.ts';
import type { DispatchMachine } from '../machine/dispatch-machine.ts';
import type { ExecutionManagerProfile } from '../machine/execution-manager-profile.ts';
import { AcknowledgementWatch } from './acknowledgement-watch.ts';

/** The way to an execution manager. Neither call may call back before it returns. */
export interface AssignmentSink {
  send(batch: AssignmentBatch): void;
  /** Nothing more is sent, and the execution manager is told why. */
  close(error: SpiderError): void;
}

/** One message of an execution manager. */
export interface Pull {
  readonly credit: number;
  readonly acknowledgedBatch: number;
  readonly draining: boolean;
}

export interface DispatcherOptions {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly machine: DispatchMachine;
  /** How long a batch may stay unacknowledged before its execution manager counts as lost. */
  readonly acknowledgementTimeoutMs: number;
}

interface Line {
  readonly sink: AssignmentSink;
  readonly watch: AcknowledgementWatch | undefined;
}

export interface ConnectOptions {
  /** Whether its batches come back when they are not acknowledged in time. Default: true. */
  readonly isWatched?: boolean;
}

/**
 * Gives the dispatch machine its events and carries out its effects. It decides one thing itself,
 * when to deal: when ready tasks come while all is quiet, at once; otherwise at the end of the turn
 * of the event loop, so that what arrives together leaves together.
 */
export class Dispatcher {
  readonly #options: DispatcherOptions;
  readonly #machine: DispatchMachine;
  readonly #lines = new Map<ConnectionNumber, Line>();
  #lastConnection: ConnectionNumber = 0;
  #upstream: ReadyTaskStream | undefined;
  #gathering = false;
  #sessionId = 0n as SessionId;
  #schedulerId = 0n as SchedulerId;

  constructor(options: DispatcherOptions) {
    this.#options = options;
    this.#machine = options.machine;
  }

  /** By which number storage knows this scheduler; 0 before it does. */
  get schedulerId(): SchedulerId {
    return this.#schedulerId;
  }

  /** The start of storage that was heard of last; 0 before the first. */
  get sessionId(): SessionId {
    return this.#sessionId;
  }

  upstreamOpened(
    upstream: ReadyTaskStream,
    sessionId: SessionId,
    schedulerId = 0n as SchedulerId,
  ): void {
    this.#upstream = upstream;
    this.#sessionId = sessionId;
    this.#schedulerId = schedulerId;
    this.#handle({ type: 'upstream-opened', sessionId });
  }

  upstreamClosed(): void {
    this.#upstream = undefined;
    this.#handle({ type: 'upstream-closed' });
  }

  tasksReady(tasks: readonly ReadyTasks[], pool: PoolNumber): void {
    this.#handle({ type: 'tasks-ready', tasks, pool });
    if (!this.#machine.canDeal || this.#gathering) return;
    this.#gather();
    this.#handle({ type: 'deal' });
  }

  jobsEnded(jobIds: readonly number[]): void {
    this.#handle({ type: 'jobs-ended', jobIds });
  }

  /** Answers the number under which the execution manager speaks from now on. */
  connect(
    executionManagerId: ExecutionManagerId,
    profile: ExecutionManagerProfile,
    sink: AssignmentSink,
    { isWatched = true }: ConnectOptions = {},
  ): ConnectionNumber {
    this.#lastConnection += 1;
    const connection = this.#lastConnection;
    const watch = isWatched ? this.#watch(connection) : undefined;
    this.#lines.set(connection, { sink, watch });
    this.#handle({ type: 'connected', connection, executionManagerId, profile });
    return connection;
  }

  /** The execution manager takes nothing more until it grants credit again. */
  withdrawCredit(connection: ConnectionNumber): void {
    this.#handle({ type: 'credit-withdrawn', connection });
  }

  pulled(connection: ConnectionNumber, { credit, acknowledgedBatch, draining }: Pull): void {
    if (acknowledgedBatch > 0) {
      this.#lines.get(connection)?.watch?.acknowledged(acknowledgedBatch);
      this.#handle({ type: 'batches-acknowledged', connection, batch: acknowledgedBatch });
    }
    if (credit > 0) this.#handle({ type: 'credit-granted', connection, credit });
    if (draining) this.#handle({ type: 'draining', connection });
  }

  disconnect(connection: ConnectionNumber): void {
    this.#forget(connection);
    this.#handle({ type: 'disconnected', connection });
  }

  #watch(connection: ConnectionNumber): AcknowledgementWatch {
    return new AcknowledgementWatch({
      clock: this.#options.clock,
      timeoutMs: this.#options.acknowledgementTimeoutMs,
      onOverdue: (batch) => this.#handle({ type: 'acknowledgement-overdue', connection, batch }),
    });
  }

  #handle(event: DispatchEvent): void {
    for (const effect of this.#machine.handle(event)) this.#perform(effect);
    if (event.type !== 'tasks-ready' && this.#machine.canDeal) this.#gather();
  }

  #perform(effect: DispatchEffect): void {
    switch (effect.type) {
      case 'send-batch': {
        const line = this.#lines.get(effect.connection);
        line?.sink.send(effect.batch);
        line?.watch?.sent(effect.batch.number);
        break;
      }
      case 'close-connection':
        this.#forget(effect.connection)?.sink.close(effect.error);
        break;
      case 'grant-credit':
        this.#upstream?.grantCredit(effect.tasks, effect.pool);
        break;
      case 'open-pool':
        this.#upstream?.openPool(effect.pool, effect.profile);
        break;
      case 'close-pool':
        this.#upstream?.closePool(effect.pool);
        break;
      case 'return-tasks':
        this.#upstream?.giveBack(effect.tasks);
        break;
      case 'close-upstream':
        this.#options.logger.warn('storage is left', { error: effect.error });
        this.#upstream?.close();
        break;
      default:
        effect satisfies never;
    }
  }

  #forget(connection: ConnectionNumber): Line | undefined {
    const line = this.#lines.get(connection);
    line?.watch?.stop();
    this.#lines.delete(connection);
    return line;
  }

  #gather(): void {
    if (this.#gathering) return;
    this.#gathering = true;
    this.#options.clock.defer(this.#endTurn);
  }

  /** A turn in which something was dealt is followed by another in which things gather. */
  readonly #endTurn = (): void => {
    this.#gathering = false;
    if (!this.#machine.canDeal) return;
    this.#gather();
    this.#handle({ type: 'deal' });
  };
}
