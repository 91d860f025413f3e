import type { ExecutionManagerId, TimestampMs } from '@spider/core';
import type { Timer } from '@spider/runtime';
import type { StoredExecutionManager } from '../db/job-store.ts';
import type { WorkerLink } from '../ports.ts';
import { UnaryLink } from './unary-link.ts';

/** What an execution manager has, by its own last account. */
export interface WorkerLoad {
  readonly runningTasks: number;
  readonly waitingTasks: number;
  readonly unflushedReports: number;
  /** It takes nothing more, whoever has told it so. */
  readonly draining: boolean;
}

const NO_LOAD: WorkerLoad = {
  runningTasks: 0,
  waitingTasks: 0,
  unflushedReports: 0,
  draining: false,
};

/** One execution manager that is alive. */
export class ExecutionManager {
  readonly id: ExecutionManagerId;
  /** The id as job machines know it. */
  readonly number: number;
  readonly host: string;
  readonly slots: number;
  readonly version: string;
  readonly registeredAt: TimestampMs;
  /** Of one of the reference; it is its link all the time. */
  readonly unary: UnaryLink | undefined;
  /** Its stream, while there is one. */
  link: WorkerLink | undefined;
  /** By when it must have connected, or said something. */
  timer: Timer | undefined;
  load = NO_LOAD;
  drainRequestedAt: TimestampMs | undefined;
  #lastHeardUs: number | undefined;

  constructor(stored: Omit<StoredExecutionManager, 'endedAt' | 'endReason'>) {
    this.id = stored.id;
    this.number = Number(stored.id);
    this.host = stored.host;
    this.slots = stored.slots;
    this.version = stored.version;
    this.registeredAt = stored.registeredAt;
    this.drainRequestedAt = stored.drainRequestedAt;
    this.unary = stored.hasStream ? undefined : new UnaryLink();
    this.link = this.unary;
  }

  /** It takes nothing more, or was told to. */
  get isDraining(): boolean {
    return this.load.draining || this.drainRequestedAt !== undefined;
  }

  /** Undefined if this start of storage has not heard of it yet. */
  get lastHeardUs(): number | undefined {
    const peerUs = this.link?.peer?.heardUs;
    if (peerUs === undefined || this.#lastHeardUs === undefined) return this.#lastHeardUs;
    return Math.max(peerUs, this.#lastHeardUs);
  }

  /** It gave a sign of life. */
  heard(nowUs: number): void {
    this.#lastHeardUs = nowUs;
  }
}
