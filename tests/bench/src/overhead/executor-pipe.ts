import { type ChildProcess, spawn } from 'node:child_process';
import {
  appendExecuteRequest,
  ByteWriter,
  decodeExecutorResult,
  encodeExecutePrefix,
  ExecutorFrameReader,
  type ExecutorResult,
} from '@spider/core';
import { executorCommand, executorEnvironment } from '@spider/execution-manager';
import { systemClock } from '@spider/runtime/node';
import { taskExecutorPath } from '@spider/task-executor';

export interface PipeRequest {
  readonly packageName: string;
  readonly functionName: string;
  /** An encoded task context. */
  readonly context: Uint8Array;
  /** A wire frame. */
  readonly inputs: Uint8Array;
}

/** An executor process, and requests to it over its pipes. */
export class ExecutorPipe implements Disposable {
  readonly #child: ChildProcess;
  readonly #reader = new ExecutorFrameReader();
  readonly #writer = new ByteWriter(64 * 1024);
  #failure = Promise.withResolvers<never>();
  #onResult: (result: ExecutorResult) => void = () => undefined;
  #onChunkEnd: () => void = () => undefined;

  constructor(packageDir: string) {
    const { command, args } = executorCommand(taskExecutorPath, process.execPath);
    const env = executorEnvironment({ packageDir, inheritedEnv: [], from: process.env });
    // Without our extensions, so that nothing but results comes back.
    delete env['SPIDER_EXECUTOR_EXTENSIONS'];
    this.#child = spawn(command, args, { env, stdio: ['pipe', 'pipe', 'inherit'] });
    this.#failure.promise.catch(() => undefined);
    this.#child.once('exit', (code) =>
      this.#failure.reject(new Error(`the executor ended with code ${code}`)),
    );
    this.#child.stdout?.on('data', (chunk: Uint8Array) => this.#take(chunk));
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  /** Makes the same request so many times, with `depth` of them in flight. */
  async request(
    { packageName, functionName, context, inputs }: PipeRequest,
    count: number,
    depth: number,
    onResult: (roundTripUs: number, result: ExecutorResult) => void,
  ): Promise<void> {
    const prefix = encodeExecutePrefix(packageName, functionName);
    const sentUs = new Float64Array(count);
    const done = Promise.withResolvers<void>();
    let sent = 0;
    let received = 0;
    const send = (): void => {
      if (sent - received >= depth || sent >= count) return;
      this.#writer.clear();
      const nowUs = systemClock.monotonicUs();
      while (sent - received < depth && sent < count) {
        appendExecuteRequest(this.#writer, prefix, context, inputs);
        sentUs[sent++] = nowUs;
      }
      this.#child.stdin?.write(this.#writer.toBytes());
    };
    this.#onResult = (result) => {
      onResult(systemClock.monotonicUs() - (sentUs[received++] ?? 0), result);
    };
    this.#onChunkEnd = () => {
      if (received === count) done.resolve();
      else send();
    };
    send();
    await Promise.race([done.promise, this.#failure.promise]);
  }

  [Symbol.dispose](): void {
    this.#child.kill('SIGKILL');
  }

  #take(chunk: Uint8Array): void {
    try {
      const reader = this.#reader;
      reader.push(chunk);
      while (reader.next()) {
        this.#onResult(decodeExecutorResult(reader.bytes, reader.start, reader.end));
      }
      this.#onChunkEnd();
    } catch (error) {
      this.#failure.reject(error);
    }
  }
}
