import { type ChildProcess, spawn, type StdioOptions } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { constants } from 'node:os';
import type { Readable, Writable } from 'node:stream';
import { EXECUTOR_DESCRIPTORS_ENV, EXECUTOR_LOGS_ENV } from '@spider/core';
import type { Timer } from '@spider/runtime';
import { ExecutorOutput } from '../logs/executor-output.ts';
import type { LogEntry } from '../logs/log-entry.ts';
import type { InstanceList } from '../machine/instance-lot.ts';
import type { ProcessExit } from '../machine/slot-event.ts';
import { outOfMemory, watchedChannel, watchMemory } from './executor-memory.ts';
import { CLOSE_MS, type ExecutorOptions } from './executor-options.ts';
import type { ExecutorCallbacks, ExecutorProcess, SpawnExecutor } from './executor-process.ts';
import type { FrameChannel } from './frame-channel.ts';
import { memoryUse } from './memory-use.ts';
import type { MemoryWatch } from './memory-watch.ts';

/** Where requests go in, results come out, and what is written is for people. */
interface Wiring {
  readonly stdio: StdioOptions;
  readonly requests: number;
  readonly results: number;
  readonly texts: readonly number[];
}

const STDOUT = 1;

const AT_STDIO: Wiring = { stdio: ['pipe', 'pipe', 'pipe'], requests: 0, results: 1, texts: [2] };
const AT_DESCRIPTORS: Wiring = {
  stdio: ['ignore', 'pipe', 'pipe', 'pipe', 'pipe'],
  requests: 3,
  results: 4,
  texts: [STDOUT, 2],
};

/** What ends a process that V8 has no more memory for. */
const ABORTS = ['SIGABRT', 'SIGTRAP', 'SIGILL'];
/** Shells and their like tell the signal that has ended a child by a code from here on. */
const SIGNAL_CODES = 128;

/** How long pipes may stay open when the process is gone, or the process when its output is. */
const LAST_WORDS_MS = 1_000;

export interface ExecutorCommand {
  readonly command: string;
  readonly args: readonly string[];
  /** Its environment, to which only what concerns the pipe and the logs is added. */
  readonly env: Readonly<Record<string, string>>;
}

export interface SpawnExecutorOptions extends ExecutorCommand, ExecutorOptions {
  /**
   * Whether the program takes requests and writes results at descriptors of their own, so that what a
   * task or a process of its prints to stdout does no harm. Only executors of ours can; default: false.
   */
  readonly hasDescriptors?: boolean;
  /** Whether the process that is started only looks after the executor, and passes its end on. */
  readonly isBoxed?: boolean;
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
  readonly #output: ExecutorOutput;
  readonly #memory: MemoryWatch | undefined;
  #exit: ProcessExit | undefined;
  #isBroken = false;
  #isGone = false;
  #patience: Timer | undefined;

  constructor(options: SpawnExecutorOptions, callbacks: ExecutorCallbacks) {
    this.#options = options;
    this.#callbacks = callbacks;
    this.#wiring = options.hasDescriptors === true ? AT_DESCRIPTORS : AT_STDIO;
    const { stdio, requests, results } = this.#wiring;
    const token = randomBytes(16).toString('hex');
    const ours = { [EXECUTOR_LOGS_ENV]: `${token},${options.maxTaskLogBytes}` };
    const descriptors = { [EXECUTOR_DESCRIPTORS_ENV]: `${requests},${results}` };
    this.#output = new ExecutorOutput({
      ...options,
      token,
      maxLineBytes: options.maxLogLineBytes,
      maxTaskBytes: options.maxTaskLogBytes,
      take: (entries) => this.#print(entries),
    });
    this.#child = spawn(options.command, options.args, {
      detached: true,
      env: { ...options.env, ...ours, ...(this.#wiring === AT_DESCRIPTORS && descriptors) },
      stdio,
    });
    this.#memory = this.#watchMemory();
    this.#requests = this.#child.stdio[requests] as Writable;
    this.#listen();
    const write = (bytes: Uint8Array): void => void this.#requests.write(bytes);
    this.#channel = watchedChannel({ ...options, write }, callbacks, this.#memory);
  }

  execute(instances: InstanceList): void {
    this.#memory?.add(instances.lots.length);
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
    this.#patience ??= this.#options.clock.setTimer(CLOSE_MS, () => this.kill());
  }

  #listen(): void {
    const child = this.#child;
    const { results, texts } = this.#wiring;
    const readable = (descriptor: number): Readable => child.stdio[descriptor] as Readable;
    // A write to a process that is gone; its exit tells the rest.
    this.#requests.on('error', () => undefined);
    readable(results).on('data', (chunk: Uint8Array) => this.#read(chunk));
    readable(results).once('end', () => this.#outputEnded());
    for (const text of texts) this.#forward(readable(text), text === STDOUT);
    child.once('error', (error) => {
      this.#exit ??= { code: undefined, signal: undefined, error: error.message };
      if (child.pid === undefined) this.#gone();
    });
    child.once('exit', (code, signal) => this.#exited(code, signal));
    child.once('close', () => this.#gone());
  }

  #watchMemory(): MemoryWatch | undefined {
    const { pid } = this.#child;
    if (pid === undefined) return undefined;
    return watchMemory(this.#options, {
      read: () => memoryUse(pid),
      onGrown: () => this.#callbacks.onGrown(),
      onExceeded: () => {
        this.#exit ??= outOfMemory(this.#options);
        this.kill();
      },
    });
  }

  #forward(text: Readable, isStdout: boolean): void {
    const splitter = this.#output.stream(isStdout);
    text.on('data', (chunk: Buffer) => splitter.push(chunk));
    text.once('end', () => splitter.end());
  }

  /** While whoever takes the lines is slow, none are read. */
  #print(entries: readonly LogEntry[]): void {
    const { logs } = this.#options;
    if (logs.write(entries)) return;
    const texts = this.#wiring.texts.map((text) => this.#child.stdio[text] as Readable);
    for (const text of texts) text.pause();
    logs.onDrain(() => {
      for (const text of texts) text.resume();
    });
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
    this.#exit ??= this.#options.isBoxed === true ? unboxed(code, signal) : exitOf(code, signal);
    this.#memory?.stop();
    // What it has started may hold its pipes open, and is not wanted without it.
    this.kill();
    this.#patience?.cancel();
    this.#patience = this.#options.clock.setTimer(LAST_WORDS_MS, () => this.#gone());
  }

  #gone(): void {
    if (this.#isGone) return;
    this.#isGone = true;
    this.#patience?.cancel();
    this.#memory?.stop();
    for (const stream of this.#child.stdio) stream?.destroy();
    this.#output.end();
    const exit = this.#exit ?? exitOf(null, null);
    const isAborted = exit.signal !== undefined && ABORTS.includes(exit.signal);
    this.#callbacks.onExit(
      isAborted && this.#output.isOutOfMemory ? outOfMemory(this.#options) : exit,
    );
  }
}

const exitOf = (code: number | null, signal: string | null): ProcessExit => ({
  code: code ?? undefined,
  signal: signal ?? undefined,
});

function unboxed(code: number | null, signal: string | null): ProcessExit {
  const number = (code ?? 0) - SIGNAL_CODES;
  const [name] = Object.entries(constants.signals).find(([, each]) => each === number) ?? [];
  return name === undefined ? exitOf(code, signal) : exitOf(null, name);
}
