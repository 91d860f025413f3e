import { randomBytes } from 'node:crypto';
import { Worker } from 'node:worker_threads';
import {
  EXECUTOR_LOGS_ENV,
  type ExecutorThreadData,
  type ExecutorThreadMessage,
} from '@spider/core';
import type { Timer } from '@spider/runtime';
import { ExecutorOutput } from '../logs/executor-output.ts';
import type { LineSplitter } from '../logs/line-splitter.ts';
import type { LogEntry } from '../logs/log-entry.ts';
import type { InstanceList } from '../machine/instance-lot.ts';
import type { ProcessExit } from '../machine/slot-event.ts';
import { outOfMemory, watchedChannel, watchMemory } from './executor-memory.ts';
import { CLOSE_MS, type ExecutorOptions } from './executor-options.ts';
import type { ExecutorCallbacks, ExecutorProcess, SpawnExecutor } from './executor-process.ts';
import type { FrameChannel } from './frame-channel.ts';
import type { MemoryWatch } from './memory-watch.ts';
import { threadMemory } from './thread-memory.ts';

/** How long a thread may take to stop. JavaScript stops at once, a call that blocks when it returns. */
const STOP_MS = 2_000;
/** So many threads that do not stop are left behind; further ones keep their slots. */
const LEFT_BEHIND_MAX = 16;

export interface SpawnThreadOptions extends ExecutorOptions {
  /** The absolute path of the executor's module. */
  readonly modulePath: string;
  /** Its environment, to which only what concerns the logs is added. */
  readonly env: Readonly<Record<string, string>>;
}

/**
 * Executors as worker threads of this process, for tasks that are trusted: nothing but the language
 * stands between them and it.
 */
export function threadSpawner(options: SpawnThreadOptions): SpawnExecutor {
  const stuck = new Set<ThreadExecutor>();
  return (callbacks) => {
    try {
      return new ThreadExecutor(options, callbacks, stuck);
    } catch (error) {
      return neverStarted(options, callbacks, error);
    }
  };
}

/** Stands for a thread that the system has refused. */
function neverStarted(
  { clock }: SpawnThreadOptions,
  callbacks: ExecutorCallbacks,
  error: unknown,
): ExecutorProcess {
  const exit = { code: undefined, signal: undefined, error: messageOf(error) };
  clock.defer(() => callbacks.onExit(exit));
  const nothing = (): void => undefined;
  return { execute: nothing, cancel: nothing, askBack: nothing, kill: nothing, close: nothing };
}

class ThreadExecutor implements ExecutorProcess {
  readonly #options: SpawnThreadOptions;
  readonly #callbacks: ExecutorCallbacks;
  /** Those that were left behind, of all that were started together. */
  readonly #stuck: Set<ThreadExecutor>;
  readonly #worker: Worker;
  readonly #untakenText = new Int32Array(new SharedArrayBuffer(4));
  readonly #channel: FrameChannel;
  readonly #output: ExecutorOutput;
  readonly #text: LineSplitter;
  readonly #memory: MemoryWatch | undefined;
  #exit: ProcessExit | undefined;
  #hasStarted = false;
  #isBroken = false;
  #isGone = false;
  /** Bytes of text that were read but for which there is no room yet; undefined if there is. */
  #heldText: number | undefined;
  #closing: Timer | undefined;
  #stopping: Timer | undefined;

  constructor(
    options: SpawnThreadOptions,
    callbacks: ExecutorCallbacks,
    stuck: Set<ThreadExecutor>,
  ) {
    this.#options = options;
    this.#callbacks = callbacks;
    this.#stuck = stuck;
    const token = randomBytes(16).toString('hex');
    this.#output = new ExecutorOutput({
      ...options,
      token,
      maxLineBytes: options.maxLogLineBytes,
      maxTaskBytes: options.maxTaskLogBytes,
      take: (entries) => this.#print(entries),
    });
    this.#text = this.#output.stream();
    this.#worker = new Worker(options.modulePath, {
      name: 'spider-executor',
      env: { ...options.env, [EXECUTOR_LOGS_ENV]: `${token},${options.maxTaskLogBytes}` },
      workerData: { untakenText: this.#untakenText } satisfies ExecutorThreadData,
      stdout: true,
      stderr: true,
      ...(options.memoryLimitMib !== undefined && {
        resourceLimits: { maxOldGenerationSizeMb: options.memoryLimitMib },
      }),
    });
    this.#memory = watchMemory(options, {
      read: threadMemory(this.#worker),
      onGrown: () => callbacks.onGrown(),
      onExceeded: () => this.#end(outOfMemory(options)),
    });
    this.#channel = watchedChannel(
      {
        maxMessageBytes: options.maxMessageBytes,
        write: (bytes) => this.#worker.postMessage(bytes),
      },
      {
        ...callbacks,
        onStarted: (hasExtensions) => {
          this.#hasStarted = true;
          callbacks.onStarted(hasExtensions);
        },
      },
      this.#memory,
    );
    // Only what goes around the executor arrives here.
    for (const stream of [this.#worker.stdout, this.#worker.stderr]) {
      stream.on('data', (chunk: Buffer) => this.#text.push(chunk));
    }
    this.#worker.on('message', (message: ExecutorThreadMessage) => this.#heed(message));
    this.#worker.on('error', (error: unknown) => this.#failed(error));
    this.#worker.once('exit', (code) => this.#gone({ code, signal: undefined }));
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
    if (this.#isGone) return;
    void this.#worker.terminate();
    this.#stopping ??= this.#options.clock.setTimer(STOP_MS, () => this.#leaveBehind());
  }

  close(): void {
    this.#channel.requestShutdown();
    this.#closing ??= this.#options.clock.setTimer(CLOSE_MS, () => this.kill());
  }

  #heed(message: ExecutorThreadMessage): void {
    if (this.#isGone) return;
    if (message instanceof Uint8Array) this.#read(message);
    else this.#takeText(message.text);
  }

  #read(frames: Uint8Array): void {
    if (this.#isBroken) return;
    try {
      this.#channel.push(frames);
    } catch (error) {
      this.#isBroken = true;
      this.#callbacks.onBroken(messageOf(error));
    }
  }

  #takeText(text: Uint8Array): void {
    this.#text.push(Buffer.from(text.buffer, text.byteOffset, text.length));
    if (this.#heldText === undefined) this.#makeRoom(text.length);
    else this.#heldText += text.length;
  }

  /** While whoever takes the lines is slow, the thread is told of no room. */
  #print(entries: readonly LogEntry[]): void {
    const { logs } = this.#options;
    if (logs.write(entries) || this.#heldText !== undefined) return;
    this.#heldText = 0;
    logs.onDrain(() => {
      this.#makeRoom(this.#heldText ?? 0);
      this.#heldText = undefined;
    });
  }

  #makeRoom(bytes: number): void {
    Atomics.sub(this.#untakenText, 0, bytes);
    Atomics.notify(this.#untakenText, 0);
  }

  /** Node says so just before the end of a thread, and only to us. */
  #failed(error: unknown): void {
    if (hasCode(error, 'ERR_WORKER_OUT_OF_MEMORY')) {
      this.#exit ??= outOfMemory(this.#options);
      return;
    }
    if (!this.#hasStarted) {
      this.#exit ??= { code: undefined, signal: undefined, error: messageOf(error) };
    }
    const trace = error instanceof Error ? (error.stack ?? error.message) : String(error);
    this.#text.push(Buffer.from(`Uncaught ${trace}\n`));
  }

  #end(exit: ProcessExit): void {
    this.#exit ??= exit;
    this.kill();
  }

  /** What cannot be stopped shall not keep its slot; but neither may it become ever more. */
  #leaveBehind(): void {
    if (this.#stuck.size >= LEFT_BEHIND_MAX) return;
    this.#stuck.add(this);
    this.#worker.unref();
    const error = `its thread did not stop within ${STOP_MS} ms and was left behind`;
    const text = `spider-execution-manager: of an executor: ${error}`;
    this.#options.logs.write([{ timeMs: this.#options.clock.now(), task: undefined, text }]);
    this.#gone({ code: undefined, signal: undefined, error });
  }

  #gone(exit: ProcessExit): void {
    if (exit.code !== undefined) this.#stuck.delete(this);
    if (this.#isGone) return;
    this.#isGone = true;
    this.#closing?.cancel();
    this.#stopping?.cancel();
    this.#memory?.stop();
    this.#text.end();
    this.#output.end();
    this.#callbacks.onExit(this.#exit ?? exit);
  }
}

const hasCode = (error: unknown, code: string): boolean =>
  error instanceof Error && 'code' in error && error.code === code;

const messageOf = (error: unknown): string =>
  error instanceof Error ? error.message : String(error);
