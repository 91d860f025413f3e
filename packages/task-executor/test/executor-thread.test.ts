import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { Worker } from 'node:worker_threads';
import {
  decodeExecutorNotice,
  decodeExecutorResult,
  decodeValues,
  encodeShutdownRequest,
  encodeValues,
  EXECUTOR_EXTENSIONS_ENV,
  EXECUTOR_LOGS_ENV,
  ExecutorFrameReader,
  type ExecutorThreadData,
  type ExecutorThreadMessage,
  float64,
  int32,
  logMarkPrefix,
  string,
  THREAD_TEXT_BYTES_MAX,
} from '@spider/core';
import { describe, expect, test } from 'vitest';
import { executeFrame, TASK_PACKAGES } from './executor-child.ts';

const THREAD = fileURLToPath(new URL('../src/thread.ts', import.meta.url));
/** What one task may print. */
const PRINT_BYTES_MAX = 1024 * 1024;

/** A real executor in a real thread. */
class ExecutorThread {
  readonly untakenText = new Int32Array(new SharedArrayBuffer(4));
  readonly #frames = new ExecutorFrameReader();
  /** What tasks have answered, in order. */
  readonly results: Uint8Array[] = [];
  isGreeted = false;
  text = '';
  readonly exit: Promise<number>;
  readonly #worker: Worker;

  constructor() {
    this.#worker = new Worker(THREAD, {
      execArgv: ['--conditions=@spider/source'],
      env: {
        SPIDER_TDL_PACKAGE_DIR: TASK_PACKAGES,
        [EXECUTOR_EXTENSIONS_ENV]: '1',
        [EXECUTOR_LOGS_ENV]: `token,${PRINT_BYTES_MAX}`,
      },
      workerData: { untakenText: this.untakenText } satisfies ExecutorThreadData,
    });
    this.#worker.on('message', (message: ExecutorThreadMessage) => {
      if (message instanceof Uint8Array) this.#read(message);
      else this.text += Buffer.from(message.text).toString();
    });
    this.exit = once(this.#worker, 'exit').then(([code]) => code as number);
  }

  write(...frames: readonly Uint8Array[]): void {
    this.#worker.postMessage(Buffer.concat(frames));
  }

  /** Resolves when something was posted. */
  async said(): Promise<void> {
    await once(this.#worker, 'message');
  }

  #read(bytes: Uint8Array): void {
    const frames = this.#frames;
    frames.push(bytes);
    while (frames.next()) {
      const { bytes: body, start, end } = frames;
      if (decodeExecutorNotice(body, start, end)?.kind === 'greeting') this.isGreeted = true;
      else {
        const { payload } = decodeExecutorResult(body, start, end);
        this.results.push(new Uint8Array(payload));
      }
    }
  }
}

const MARK = logMarkPrefix('token');
const add = (a: number, b: number): Uint8Array =>
  executeFrame({
    functionName: 'add',
    inputs: encodeValues([float64, float64], [a, b], 'input'),
  });

const sumOf = (payload: Uint8Array): unknown => decodeValues([float64], payload, 'output')[0];

describe('an executor in a thread', { timeout: 20_000 }, () => {
  test('greets, answers in order, and ends when it is asked to', async () => {
    const thread = new ExecutorThread();
    thread.write(add(1, 2), add(3, 4), encodeShutdownRequest());
    expect(await thread.exit).toBe(0);
    expect(thread.isGreeted).toBe(true);
    expect(thread.results.map(sumOf)).toEqual([3, 7]);
  });

  test('has answered what came before a task that ends it, and not this process', async () => {
    const thread = new ExecutorThread();
    const inputs = encodeValues([int32], [7], 'input');
    thread.write(add(1, 2), executeFrame({ functionName: 'exit', inputs }), add(3, 4));
    expect(await thread.exit).toBe(7);
    expect(thread.results.map(sumOf)).toEqual([3]);
  });

  test('prints for its task, and waits while too much of that was not taken', async () => {
    const thread = new ExecutorThread();
    const line = 'x'.repeat(THREAD_TEXT_BYTES_MAX);
    const inputs = encodeValues([string], [line], 'input');
    thread.write(executeFrame({ functionName: 'print', inputs }), encodeShutdownRequest());
    const isFull = (): boolean => (thread.untakenText[0] ?? 0) > THREAD_TEXT_BYTES_MAX;
    while (!isFull()) await thread.said();
    expect(thread.text.startsWith(`${MARK} 1 0 1\n`)).toBe(true);
    expect(thread.text).not.toContain('by console');
    expect(thread.untakenText[0]).toBeLessThan(THREAD_TEXT_BYTES_MAX * 1.5);

    // From now on there is room for all.
    Atomics.store(thread.untakenText, 0, -(2 ** 30));
    Atomics.notify(thread.untakenText, 0);
    expect(await thread.exit).toBe(0);
    expect(thread.text.split('\n').map(({ length }) => length)).toEqual([
      MARK.length + ' 1 0 1'.length,
      line.length + ' by console'.length,
      line.length + ' by stdout'.length,
      MARK.length,
      0,
    ]);
  });
});
