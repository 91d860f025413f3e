import { Worker } from 'node:worker_threads';

/** How long one input may keep the thread, whatever else the machine does, before the process ends. */
const HANG_MS = 20_000;

/** Runs in a thread of its own: looks whether the other one gets on, and ends the process if not. */
const PROGRAM = `
  const { workerData } = require('node:worker_threads');
  const { writeFileSync } = require('node:fs');
  const { shared, hangMs, path } = workerData;
  const header = new Int32Array(shared, 0, 2);
  let last = -1;
  setInterval(() => {
    const now = Atomics.load(header, 0);
    if (now !== last || now % 2 === 0) { last = now; return; }
    writeFileSync(path, Buffer.from(shared, 8, Atomics.load(header, 1)));
    process.stderr.write('fuzz: an input hangs; it is in ' + path + '\\n');
    process.kill(process.pid, 'SIGKILL');
  }, hangMs);
`;

/** Notices an input that never ends, which nothing else in its thread can. */
export class Watchdog implements AsyncDisposable {
  readonly #header: Int32Array;
  readonly #bytes: Uint8Array;
  readonly #worker: Worker;

  /** @param path where the input is written that hangs. */
  constructor(path: string, inputBytesMax: number) {
    const shared = new SharedArrayBuffer(8 + inputBytesMax);
    this.#header = new Int32Array(shared, 0, 2);
    this.#bytes = new Uint8Array(shared, 8);
    this.#worker = new Worker(PROGRAM, {
      eval: true,
      workerData: { shared, hangMs: HANG_MS, path },
    });
    this.#worker.unref();
  }

  begin(input: Uint8Array): void {
    this.#bytes.set(input);
    Atomics.store(this.#header, 1, input.length);
    Atomics.add(this.#header, 0, 1);
  }

  end(): void {
    Atomics.add(this.#header, 0, 1);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#worker.terminate();
  }
}
