import { InstanceRing } from './instance-ring.ts';

/** A pipe holds work for so many times as long as handing over takes, so that little is lost by it … */
const HAND_OFFS_COVERED = 10;
/** … but no more than this: what lies in a pipe cannot run elsewhere. */
const PIPE_WORK_US_MAX = 8_000;
/** … and no less: it takes some work to be worth a write and a read. */
const PIPE_WORK_US_MIN = 500;
/** Requests in a pipe; more are of no use, they only wait. */
export const PIPE_COUNT_MAX = 128;
/** A pipe that holds fewer is never left to wait. */
const FEW = 4;
/** Bytes of inputs in a pipe at which nothing more is put in. */
const PIPE_BYTES = 4 * 1024 * 1024;

/** How much work fills a pipe when handing a request over and its answer back takes so long. */
export function pipeWorkFor(handOffUs: number): number {
  return Math.max(PIPE_WORK_US_MIN, Math.min(handOffUs * HAND_OFFS_COVERED, PIPE_WORK_US_MAX));
}

/**
 * - waiting: there is no process; one is spawned at `deadlineUs`, if ever. Entered at the beginning
 *   and when a process is gone, left for starting.
 * - starting: a process was spawned and has not answered yet. Left for ready when it does, for
 *   killing at `deadlineUs`, for waiting when it ends.
 * - ready: the process takes requests. Left for killing at `deadlineUs`, or when the process talks
 *   nonsense; for waiting when it ends.
 * - killing: the process was told to die, or to end, and is not heard any more. Left for waiting.
 */
export type SlotState = 'waiting' | 'starting' | 'ready' | 'killing';

/**
 * Whether a pipe takes no more because what runs first takes long, so that others had better run what
 * is behind it.
 *
 * - no: left for asked or stuck when the first request turns out to be slow.
 * - asked: what was not begun is being given back. Left for stuck when that is done, for no when the
 *   pipe is empty before.
 * - stuck: nothing more is put in. Left for no when the first request has ended.
 */
export type Holdup = 'no' | 'asked' | 'stuck';

/** What the machine keeps of one slot. */
export class Slot {
  readonly index: number;
  state: SlotState = 'waiting';
  /** The number of its process, or of the last one it had. */
  process = 0;
  /**
   * Requests that are with the process, oldest first. It runs one at a time, but may hold results of
   * quick ones for a moment, so that any of them may be the one that is being run.
   */
  readonly pipe = new InstanceRing(PIPE_COUNT_MAX);
  /** Estimated cost of what is in the pipe. */
  workUs = 0;
  /** Bytes of the inputs of what is in the pipe. */
  bytes = 0;
  /** When the first request in the pipe became the first. */
  headSinceUs = 0;
  /** When something has to happen, which the state says; Infinity if never. */
  deadlineUs = Infinity;
  /** When the first request in the pipe counts as slow; Infinity if it does, or there is none. */
  slowAtUs = Infinity;
  holdup: Holdup = 'no';
  /** How often requests were asked back without an answer so far. */
  asks = 0;
  /** Whether the process understands more than the reference's requests. */
  hasExtensions = false;
  /** Requests that the process has answered. */
  answered = 0;
  /** Whether the first request in the pipe was sent to an idle process. */
  wasIdle = false;
  /** Whether the process has answered any request yet. */
  hasAnswered = false;
  /** Processes in a row that died before they had run anything. */
  uselessStarts = 0;
  /** Whether the last process died before it was up. */
  isFailing = false;
  /** Whether what is in the pipe is a suspect, which has the process to itself. */
  isTrying = false;
  /** Whether the process is to be replaced as soon as its pipe is empty. */
  isRetiring = false;
  readonly #tasksMax: number;
  /** In killing: what the request that was being run has failed of; undefined if it was cancelled. */
  failure: string | undefined;

  /** @param tasksMax requests that one process gets; any number without it. */
  constructor(index: number, tasksMax = Infinity) {
    this.index = index;
    this.#tasksMax = tasksMax;
  }

  /** Whether the process has answered all the requests that it gets. */
  get isSpent(): boolean {
    return this.answered >= this.#tasksMax;
  }

  /**
   * Whether it is time to put something into the pipe. One that is half full can wait: several
   * requests in one write cost hardly more than one.
   *
   * @param isForSuspect whether what would be put in is a suspect.
   * @param pipeWorkUs estimated work in a pipe at which it is full.
   */
  isLow(pipeWorkUs: number, isForSuspect: boolean): boolean {
    const { count } = this.pipe;
    if (isForSuspect && count > 0) return false;
    const isLow = count < FEW || (count <= PIPE_COUNT_MAX / 2 && this.workUs <= pipeWorkUs / 2);
    return isLow && this.hasRoom(pipeWorkUs);
  }

  /** @param pipeWorkUs estimated work in a pipe at which it is full. */
  hasRoom(pipeWorkUs: number): boolean {
    const { count } = this.pipe;
    return (
      this.state === 'ready' &&
      !this.isRetiring &&
      this.answered + count < this.#tasksMax &&
      (count === 0 ||
        (!this.isTrying &&
          this.holdup === 'no' &&
          this.workUs < pipeWorkUs &&
          count < PIPE_COUNT_MAX &&
          this.bytes < PIPE_BYTES))
    );
  }
}
