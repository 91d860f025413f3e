import type { InstanceList } from '../machine/instance-lot.ts';
import type { ProcessExit, ResponseBatch } from '../machine/slot-event.ts';

/** What an executor tells of itself. */
export interface ExecutorCallbacks {
  /** It is up. With extensions it understands `cancel` and `askBack`. */
  onStarted(hasExtensions: boolean): void;
  /** It has answered some requests, in their order. Payloads are valid only during the call. */
  onResponses(responses: ResponseBatch): void;
  /** The last so many of what was asked back will not be run. */
  onGivenBack(count: number): void;
  /** It has more memory than it should keep. */
  onGrown(): void;
  /** It said something that makes no sense, such as `an unknown outcome`. */
  onBroken(reason: string): void;
  /** It is gone. Called exactly once, as the last of them. */
  onExit(exit: ProcessExit): void;
}

/** Something that runs instances one after the other: a process, or what stands in for one. */
export interface ExecutorProcess {
  /** Runs them after those it was given before. */
  execute(instances: InstanceList): void;
  /** Says of requests, counted from 0, that their results are not wanted. Needs extensions. */
  cancel(requests: readonly number[]): void;
  /** Asks for what was not begun; `onGivenBack` is called. Needs extensions. */
  askBack(): void;
  /** Ends it, and all that it has started, at once. */
  kill(): void;
  /** Asks it to end when it has run what it was given. */
  close(): void;
}

/** Starts an executor. Nothing is called back before this has returned. */
export type SpawnExecutor = (callbacks: ExecutorCallbacks) => ExecutorProcess;
