import type { ExecutionManagerId } from '@spider/core';
import type { Timer } from '@spider/runtime';
import type { WorkerLink } from '../ports.ts';

/** One execution manager that is alive. */
export class ExecutionManager {
  readonly id: ExecutionManagerId;
  /** The id as job machines know it. */
  readonly number: number;
  readonly host: string;
  readonly slots: number;
  /** Its stream, while there is one. */
  link: WorkerLink | undefined;
  /** By when it must have connected, or said something. */
  timer: Timer | undefined;
  #lastHeardUs = 0;

  constructor(id: ExecutionManagerId, host: string, slots: number) {
    this.id = id;
    this.number = Number(id);
    this.host = host;
    this.slots = slots;
  }

  get lastHeardUs(): number {
    return this.#lastHeardUs;
  }

  /** It gave a sign of life. */
  heard(nowUs: number): void {
    this.#lastHeardUs = nowUs;
  }
}
