import { type ChildProcess, spawn, type StdioOptions } from 'node:child_process';
import type { Readable, Writable } from 'node:stream';
import { EXECUTOR_DESCRIPTORS_ENV } from '@spider/core';
import type { Clock, Timer } from '@spider/runtime';
import type { InstanceList } from '../machine/instance-lot.ts';
import type { ProcessExit } from '../machine/slot-event.ts';
import type { ExecutorCallbacks, ExecutorProcess, SpawnExecutor } from './executor-process.ts';
import { FrameChannel } from './frame-channel.ts';
import { forwardLines } from './line-forwarding.ts';

/** Where requests go in, results come out, and what is written is for people. */
interface Wiring {
  readonly stdio: StdioOptions;
  readonly requests: number;
  readonly results: number;
  readonly texts: readonly number[];
}

const AT_STDIO: Wiring = { stdio: ['pipe', 'pipe', 'pipe'], requests: 0, results: 1, texts: [2] };
const AT_DESCRIPTORS: Wiring = {
  stdio: ['ignore', 'pipe', 'pipe', 'pipe', 'pipe'],
  requests: 3,
  results: 4,
  texts: [1, 2],
};

/** How long pipes may stay open when the process is gone, or the process when its output is. */
const LAST_WORDS_MS = 1_000;

export interface ExecutorCommand {
  readonly command: string;
  readonly args: readonly string[];
  /** All of its environment; nothing is inherited. */
  readonly env: Readonly<Record<string, string>>;
}

export interface SpawnExecutorOptions extends ExecutorCommand {
  /**
   * Whether the program takes requests and writes results at descriptors of their own, so that what a
   * task or a process of its prints to stdout does no harm. Only executors of ours can; default: false.
   */
  readonly hasDescriptors?: boolean;
  readonly clock: Clock;
  /** Where what executors print goes, line by line. */
  readonly logs: Writable;
  /** Longer lines are cut. */
  readonly maxLogLineBytes: number;
}

/**
 * Executors as child processes, each the leader of a process group of its own, so that what it
 * starts ends with it.
 */
export function processSpawner(options: SpawnExecutorOptions): SpawnExecutor {
  return (callbacks) => new ChildExecutor(options, callbacks);
}

class ChildExecutor implements ExecutorProcess {
  readonly #options: SpawnExecutorOptions;
  readonly #callbacks: ExecutorCallbacks;
  readonly #child: ChildProcess;
  readonly #wiring: Wiring;
  readonly #requests: Writable;
  readonly #channel: FrameChannel;
  #exit: ProcessExit | undefined;
  #isBroken = false;
  #isGone = false;
  #patience: Timer | undefined;

  constructor(options: SpawnExecutorOptions, callbacks: ExecutorCallbacks) {
    this.#options = options;
    this.#callbacks = callbacks;
    this.#wiring = options.hasDescriptors === true ? AT_DESCRIPTORS : AT_STDIO;
    const { stdio, requests, results } = this.#wiring;
    const descriptors = { [EXECUTOR_DESCRIPTORS_ENV]: `${requests},${results}` };
    this.#child = spawn(options.command, options.args, {
      detached: true,
      env: this.#wiring === AT_DESCRIPTORS ? { ...options.env, ...descriptors } : options.env,
      stdio,
    });
    this.#requests = this.#child.stdio[requests] as Writable;
    this.#listen();
    this.#channel = new FrameChannel({
      write: (bytes) => void this.#requests.write(bytes),
      onStarted: (hasExtensions) => callbacks.onStarted(hasExtensions),
      onResponses: (responses) => callbacks.onResponses(responses),
      onGivenBack: (count) => callbacks.onGivenBack(count),
    });
  }

  execute(instances: InstanceList): void {
    this.#channel.execute(instances);
  }

  cancel(requests: readonly number[]): void {
    this.#channel.cancel(requests);
  }

  askBack(): void {
    this.#channel.askBack();
  }

  kill(): void {
    const { pid } = this.#child;
    if (pid === undefined) return;
    try {
      process.kill(-pid, 'SIGKILL');
    } catch {
      // Nobody of the group is left.
    }
  }

  close(): void {
    this.#channel.requestShutdown();
    this.#requests.end();
  }

  #listen(): void {
    const child = this.#child;
    const { logs, maxLogLineBytes } = this.#options;
    const { results, texts } = this.#wiring;
    const readable = (descriptor: number): Readable => child.stdio[descriptor] as Readable;
    // A write to a process that is gone; its exit tells the rest.
    this.#requests.on('error', () => undefined);
    readable(results).on('data', (chunk: Uint8Array) => this.#read(chunk));
    readable(results).once('end', () => this.#outputEnded());
    for (const text of texts) forwardLines(readable(text), logs, maxLogLineBytes);
    child.once('error', (error) => {
      this.#exit ??= { code: undefined, signal: undefined, error: error.message };
      if (child.pid === undefined) this.#gone();
    });
    child.once('exit', (code, signal) => this.#exited(code, signal));
    child.once('close', () => this.#gone());
  }

  #read(chunk: Uint8Array): void {
    if (this.#isBroken) return;
    try {
      this.#channel.push(chunk);
    } catch (error) {
      this.#isBroken = true;
      this.#callbacks.onBroken(error instanceof Error ? error.message : String(error));
    }
  }

  /** Without its output it is of no use, but mostly it is about to end by itself. */
  #outputEnded(): void {
    if (this.#exit !== undefined) return;
    this.#patience = this.#options.clock.setTimer(LAST_WORDS_MS, () => this.kill());
  }

  #exited(code: number | null, signal: string | null): void {
    this.#exit ??= { code: code ?? undefined, signal: signal ?? undefined };
    // What it has started may hold its pipes open, and is not wanted without it.
    this.kill();
    this.#patience?.cancel();
    this.#patience = this.#options.clock.setTimer(LAST_WORDS_MS, () => this.#gone());
  }

  #gone(): void {
    if (this.#isGone) return;
    this.#isGone = true;
    this.#patience?.cancel();
    for (const stream of this.#child.stdio) stream?.destroy();
    this.#callbacks.onExit(this.#exit ?? { code: undefined, signal: undefined });
  }
}
