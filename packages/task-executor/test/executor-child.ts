import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import type { Readable, Writable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import {
  appendExecuteRequest,
  ByteWriter,
  decodeExecutorError,
  decodeExecutorNotice,
  decodeExecutorResult,
  EMPTY_FRAME,
  encodeExecutePrefix,
  encodeTaskContext,
  EXECUTOR_DESCRIPTORS_ENV,
  type ExecutorError,
  ExecutorFrameReader,
  type ExecutorNotice,
  ExecutorOutcome,
  type ExecutorResult,
  type TaskContextFields,
  toId,
} from '@spider/core';

const MAIN = fileURLToPath(new URL('../src/main.ts', import.meta.url));

export const TASK_PACKAGES = fileURLToPath(new URL('task-packages', import.meta.url));

export interface Call {
  readonly packageName?: string;
  readonly functionName: string;
  readonly inputs?: Uint8Array;
  readonly context?: Partial<TaskContextFields>;
}

/** The frame that asks for a task to be run; by default one of the package `basic`. */
export function executeFrame(call: Call): Uint8Array {
  const writer = new ByteWriter();
  const context: TaskContextFields = {
    jobId: toId(1),
    taskIndex: 0,
    taskInstanceId: toId(1),
    resourceGroupId: toId(1),
    outputs: undefined,
    ...call.context,
  };
  appendExecuteRequest(
    writer,
    encodeExecutePrefix(call.packageName ?? 'basic', call.functionName),
    encodeTaskContext(context),
    call.inputs ?? EMPTY_FRAME,
  );
  return writer.toBytes();
}

/** A real executor over real pipes. */
export class ExecutorChild implements AsyncDisposable {
  readonly #child: ChildProcess;
  readonly #requests: Writable;
  readonly #frames = new ExecutorFrameReader();
  readonly #results: ExecutorResult[] = [];
  /** What it said beside results. */
  readonly notices: ExecutorNotice[] = [];
  #wake: () => void = () => undefined;
  #stderr = '';
  #isGone = false;
  /** Its exit code, once it is gone and all of its output is read. */
  readonly exit: Promise<number | null>;

  constructor(env: Record<string, string> = { SPIDER_TDL_PACKAGE_DIR: TASK_PACKAGES }) {
    const { stdio } = (this.#child = spawn(
      process.execPath,
      ['--conditions=@spider/source', MAIN],
      {
        env,
        stdio: ['pipe', 'pipe', 'pipe', 'pipe', 'pipe'],
      },
    ));
    const hasDescriptors = env[EXECUTOR_DESCRIPTORS_ENV] !== undefined;
    this.#requests = stdio[hasDescriptors ? 3 : 0] as Writable;
    const [results, other] = (hasDescriptors ? [4, 1] : [1, 4]).map((i) => stdio[i] as Readable);
    results?.on('data', (chunk: Uint8Array) => this.#read(chunk));
    for (const text of [other, stdio[2]]) {
      text?.on('data', (chunk: Uint8Array) => {
        this.#stderr += new TextDecoder().decode(chunk);
      });
    }
    this.#requests.on('error', () => undefined);
    this.exit = once(this.#child, 'close').then(([code]) => {
      this.#isGone = true;
      this.#wake();
      return code as number | null;
    });
  }

  get stderr(): string {
    return this.#stderr;
  }

  write(...frames: readonly Uint8Array[]): void {
    this.#requests.write(Buffer.concat(frames));
  }

  end(): void {
    this.#requests.end();
  }

  kill(signal: NodeJS.Signals): void {
    this.#child.kill(signal);
  }

  /** The next result, in the order they came. */
  async result(): Promise<ExecutorResult> {
    while (this.#results.length === 0) {
      if (this.#isGone) throw new Error(`the executor is gone; it said: ${this.#stderr}`);
      const { promise, resolve } = Promise.withResolvers<void>();
      this.#wake = resolve;
      await promise;
    }
    return this.#results.shift() as ExecutorResult;
  }

  /** Runs one task and gives its outputs, or its error. */
  async call(call: Call): Promise<Uint8Array | ExecutorError> {
    this.write(executeFrame(call));
    const { outcome, payload } = await this.result();
    return outcome === ExecutorOutcome.Succeeded ? payload : decodeExecutorError(payload);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#child.kill('SIGKILL');
    await this.exit;
  }

  #read(chunk: Uint8Array): void {
    this.#frames.push(chunk);
    while (this.#frames.next()) {
      const { bytes, start, end } = this.#frames;
      const notice = decodeExecutorNotice(bytes, start, end);
      if (notice !== undefined) {
        this.notices.push(notice);
        continue;
      }
      const result = decodeExecutorResult(bytes, start, end);
      this.#results.push({ ...result, payload: new Uint8Array(result.payload) });
    }
    this.#wake();
  }
}
