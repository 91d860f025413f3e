import { type ChildProcessByStdio, spawn } from 'node:child_process';
import type { Readable, Writable } from 'node:stream';
import type { Clock, Timer } from '@spider/runtime';
import type { InstanceList } from '../machine/instance-lot.ts';
import type { ProcessExit } from '../machine/slot-event.ts';
import type { ExecutorCallbacks, ExecutorProcess, SpawnExecutor } from './executor-process.ts';
import { FrameChannel } from './frame-channel.ts';
import { forwardLines } from './line-forwarding.ts';

/** How long pipes may stay open when the process is gone, or the process when its output is. */
const LAST_WORDS_MS = 1_000;

export interface ExecutorCommand {
  readonly command: string;
  readonly args: readonly string[];
  /** All of its environment; nothing is inherited. */
  readonly env: Readonly<Record<string, string>>;
}

export interface SpawnExecutorOptions extends ExecutorCommand {
  readonly clock: Clock;
  /** Where what executors write to stderr goes, line by line. */
  readonly logs: Writable;
  /** Longer lines are cut. */
  readonly maxLogLineBytes: number;
}

/**
 * Executors as child processes, each the leader of a process group of its own, so that what it
 * starts ends with it. Requests and answers go through its stdin and stdout.
 */
export function processSpawner(options: SpawnExecutorOptions): SpawnExecutor {
  return (callbacks) => new ChildExecutor(options, callbacks);
}

class ChildExecutor implements ExecutorProcess {
  readonly #options: SpawnExecutorOptions;
  readonly #callbacks: ExecutorCallbacks;
  readonly #child: ChildProcessByStdio<Writable, Readable, Readable>;
  readonly #channel: FrameChannel;
  #exit: ProcessExit | undefined;
  #isBroken = false;
  #isGone = false;
  #patience: Timer | undefined;

  constructor(options: SpawnExecutorOptions, callbacks: ExecutorCallbacks) {
    this.#options = options;
    this.#callbacks = callbacks;
    this.#child = spawn(options.command, options.args, {
      detached: true,
      env: options.env,
      stdio: ['pipe', 'pipe', 'pipe'],
    });
    this.#listen();
    this.#channel = new FrameChannel({
      write: (bytes) => void this.#child.stdin.write(bytes),
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
    this.#child.stdin.end();
  }

  #listen(): void {
    const child = this.#child;
    // A write to a process that is gone; its exit tells the rest.
    child.stdin.on('error', () => undefined);
    child.stdout.on('data', (chunk: Uint8Array) => this.#read(chunk));
    child.stdout.once('end', () => this.#outputEnded());
    forwardLines(child.stderr, this.#options.logs, this.#options.maxLogLineBytes);
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
    const { stdin, stdout, stderr } = this.#child;
    for (const stream of [stdin, stdout, stderr]) stream.destroy();
    this.#callbacks.onExit(this.#exit ?? { code: undefined, signal: undefined });
  }
}
