import { LIMITS } from '../limits.ts';
import type { Steps } from '../steps.ts';
import { GrowingColumn } from './growing-column.ts';
import type { TaskGraph } from './task-graph.ts';

/** Edges that are looked at in one step. */
const STEP = 256 * 1024;

/** The ordering edges of a graph that is being built, in the order in which they came. */
export class OrderEdges {
  readonly #waiting = new GrowingColumn();
  readonly #waitedFor = new GrowingColumn();

  get length(): number {
    return this.#waiting.length;
  }

  get isFull(): boolean {
    return this.#waiting.length === LIMITS.orderEdgesPerJob;
  }

  push(waiting: number, waitedFor: number): void {
    this.#waiting.push(waiting);
    this.#waitedFor.push(waitedFor);
  }

  /** Forgets all but the first `length` edges. */
  truncate(length: number): void {
    this.#waiting.truncate(length);
    this.#waitedFor.truncate(length);
  }

  /** The edges gathered by the task that waits. */
  *toColumns(taskCount: number): Steps<Pick<TaskGraph, 'orderOffset' | 'orderTask'>> {
    const orderOffset = new Uint32Array(taskCount + 1);
    const edges = this.length;
    for (let edge = 0; edge < edges; edge++) {
      const end = this.#waiting.at(edge) + 1;
      orderOffset[end] = (orderOffset[end] ?? 0) + 1;
      if (edge % STEP === STEP - 1) yield;
    }
    for (let task = 0; task < taskCount; task++) {
      orderOffset[task + 1] = (orderOffset[task + 1] ?? 0) + (orderOffset[task] ?? 0);
    }
    const orderTask = new Uint32Array(edges);
    const next = orderOffset.slice(0, taskCount);
    for (let edge = 0; edge < edges; edge++) {
      const task = this.#waiting.at(edge);
      const place = next[task] ?? 0;
      orderTask[place] = this.#waitedFor.at(edge);
      next[task] = place + 1;
      if (edge % STEP === STEP - 1) yield;
    }
    return { orderOffset, orderTask };
  }
}
