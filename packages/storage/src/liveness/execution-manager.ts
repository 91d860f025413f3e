import type { ExecutionManagerId } from '@spider/core';
import type { Timer } from '@spider/runtime';
import type { NewExecutionManager } from '../db/job-store.ts';
import type { WorkerLink } from '../ports.ts';
import { UnaryLink } from './unary-link.ts';

/** One execution manager that is alive. */
export class ExecutionManager {
  readonly id: ExecutionManagerId;
  /** The id as job machines know it. */
  readonly number: number;
  readonly host: string;
  readonly slots: number;
  /** Of one of the reference; it is its link all the time. */
  readonly unary: UnaryLink | undefined;
  /** Its stream, while there is one. */
  link: WorkerLink | undefined;
  /** By when it must have connected, or said something. */
  timer: Timer | undefined;
  #lastHeardUs = 0;

  constructor(id: ExecutionManagerId, { host, slots, hasStream }: NewExecutionManager) {
    this.id = id;
    this.number = Number(id);
    this.host = host;
    this.slots = slots;
    this.unary = hasStream ? undefined : new UnaryLink();
    this.link = this.unary;
  }

  get lastHeardUs(): number {
    return this.#lastHeardUs;
  }

  /** It gave a sign of life. */
  heard(nowUs: number): void {
    this.#lastHeardUs = nowUs;
  }
}
