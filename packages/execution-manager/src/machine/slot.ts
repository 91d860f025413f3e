import { InstanceRing } from './instance-ring.ts';

/** Work that is in a pipe, by estimate, at which nothing more is put in. */
export const PIPE_WORK_US = 8_000;
/** Requests in a pipe; more are of no use, they only wait. */
export const PIPE_COUNT_MAX = 128;
/** Bytes of inputs in a pipe at which nothing more is put in. */
export const PIPE_BYTES = 4 * 1024 * 1024;

/**
 * - waiting: there is no process; one is spawned at `deadlineUs`, if ever. Entered at the beginning
 *   and when a process is gone, left for starting.
 * - starting: a process was spawned and has not answered yet. Left for ready when it does, for
 *   killing at `deadlineUs`, for waiting when it ends.
 * - ready: the process takes requests. Left for killing at `deadlineUs`, or when the process talks
 *   nonsense; for waiting when it ends.
 * - killing: the process was told to die and is not heard any more. Left for waiting.
 */
export type SlotState = 'waiting' | 'starting' | 'ready' | 'killing';

/** What the machine keeps of one slot. */
export class Slot {
  readonly index: number;
  state: SlotState = 'waiting';
  /** The number of its process, or of the last one it had. */
  process = 0;
  /** Requests that are with the process, oldest first; only the first one is being run. */
  readonly pipe = new InstanceRing(PIPE_COUNT_MAX);
  /** Estimated cost of what is in the pipe. */
  workUs = 0;
  /** Bytes of the inputs of what is in the pipe. */
  bytes = 0;
  /** When the first request in the pipe became the first. */
  headSinceUs = 0;
  /** When something has to happen, which the state says; Infinity if never. */
  deadlineUs = Infinity;
  /** Whether the process has answered any request yet. */
  hasAnswered = false;
  /** Processes in a row that died before they were up. */
  failedStarts = 0;
  /** In killing: what the request that was being run has failed of; undefined if it was cancelled. */
  failure: string | undefined;

  constructor(index: number) {
    this.index = index;
  }

  get hasRoom(): boolean {
    return (
      this.state === 'ready' &&
      (this.pipe.count === 0 ||
        (this.workUs < PIPE_WORK_US && this.pipe.count < PIPE_COUNT_MAX && this.bytes < PIPE_BYTES))
    );
  }
}
