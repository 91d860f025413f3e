import { SpiderError } from '@spider/core';

const BLOCK_SIZE = 2 ** 32;

/** So many ids before a block ends the next one is fetched. */
const RESERVE_BELOW = 2 ** 24;

/**
 * Gives out the ids of task instances, from blocks that the database reserves for ever: none is used
 * twice, also across starts.
 */
export class TaskInstances {
  readonly #reserve: () => Promise<number>;
  #next: number;
  #end: number;
  #following: number | undefined;
  #isReserving = false;

  private constructor(base: number, reserve: () => Promise<number>) {
    this.#reserve = reserve;
    this.#next = base;
    this.#end = base + BLOCK_SIZE;
  }

  /** `reserve` answers the first id of a new block. */
  static async open(reserve: () => Promise<number>): Promise<TaskInstances> {
    return new TaskInstances(await reserve(), reserve);
  }

  /**
   * The first of `count` consecutive ids that may be used next.
   *
   * @throws SpiderError 'unavailable' if there are none just now.
   */
  peek(count: number): number {
    if (this.#next + count <= this.#end) return this.#next;
    if (this.#following === undefined) {
      throw new SpiderError('unavailable', 'no task instance ids are reserved just now');
    }
    this.#next = this.#following;
    this.#end = this.#following + BLOCK_SIZE;
    this.#following = undefined;
    return this.#next;
  }

  /** All ids below `next` are used. */
  advanceTo(next: number): void {
    this.#next = next;
    if (this.#end - next < RESERVE_BELOW) void this.#reserveFollowing();
  }

  async #reserveFollowing(): Promise<void> {
    if (this.#isReserving || this.#following !== undefined) return;
    this.#isReserving = true;
    try {
      this.#following = await this.#reserve();
    } catch {
      // Asked again with the next instance; there are millions left.
    } finally {
      this.#isReserving = false;
    }
  }
}
