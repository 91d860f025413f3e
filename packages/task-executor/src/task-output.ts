import {
  decodeTaskContext,
  droppedOutputText,
  EXECUTOR_LOGS_ENV,
  formatLogMark,
  type LogMark,
} from '@spider/core';

const NEWLINE = 0x0a;

type Write = (bytes: Uint8Array) => void;

/**
 * What tasks print: says in a line of its own, before the first of a task, whose the next ones are,
 * and drops what one task prints beyond a bound. A task that prints nothing costs nothing.
 */
export class TaskOutput {
  readonly #token: string;
  readonly #maxBytes: number;
  readonly #write: Write;
  /** The encoded context of the task that is being run. */
  #context: Uint8Array | undefined;
  #hasPrinted = false;
  #isLineOpen = false;
  #bytes = 0;
  #droppedBytes = 0;

  constructor(token: string, maxBytes: number, write: Write) {
    this.#token = token;
    this.#maxBytes = maxBytes;
    this.#write = write;
  }

  /** A task is to be run. */
  begin(context: Uint8Array): void {
    if (this.#hasPrinted) this.end();
    this.#context = context;
  }

  /** It has ended. */
  end(): void {
    this.#context = undefined;
    if (!this.#hasPrinted) return;
    if (this.#droppedBytes > 0) this.#say(droppedOutputText(this.#droppedBytes));
    this.#say(formatLogMark(this.#token, undefined));
    this.#hasPrinted = false;
    this.#bytes = 0;
    this.#droppedBytes = 0;
  }

  /** Something prints. */
  print(bytes: Uint8Array): void {
    if (bytes.length === 0) return;
    const context = this.#context;
    if (context === undefined) {
      this.#pass(bytes);
      return;
    }
    if (!this.#hasPrinted) {
      this.#hasPrinted = true;
      this.#say(formatLogMark(this.#token, markOf(context)));
    }
    const room = this.#maxBytes - this.#bytes;
    const fitting = bytes.length > room ? bytes.subarray(0, room) : bytes;
    this.#bytes += fitting.length;
    this.#droppedBytes += bytes.length - fitting.length;
    if (fitting.length > 0) this.#pass(fitting);
  }

  #pass(bytes: Uint8Array): void {
    this.#isLineOpen = bytes.at(-1) !== NEWLINE;
    this.#write(bytes);
  }

  #say(line: string): void {
    const start = this.#isLineOpen ? '\n' : '';
    this.#isLineOpen = false;
    this.#write(Buffer.from(`${start}${line}\n`));
  }
}

/** A context that cannot be read is the task's failure, which it is told elsewhere. */
function markOf(context: Uint8Array): LogMark | undefined {
  try {
    const { jobId, taskIndex, taskInstanceId } = decodeTaskContext(context);
    return { jobId: String(jobId), taskIndex, taskInstanceId: String(taskInstanceId) };
  } catch {
    return undefined;
  }
}

/**
 * From now on whatever task code prints, through `console` or `process.stdout`, goes to stderr. Takes
 * that over, too, if the execution manager wants to know whose lines are.
 *
 * @param write writes to stderr, all of the bytes before it returns.
 */
export function openTaskOutput(write: Write): TaskOutput | undefined {
  Object.defineProperty(process, 'stdout', {
    configurable: true,
    enumerable: true,
    get: () => process.stderr,
  });
  const [, token, maxBytes] = /^([\w-]+),(\d+)$/.exec(process.env[EXECUTOR_LOGS_ENV] ?? '') ?? [];
  if (token === undefined) return undefined;
  // Whoever knows the token can write in another task's name.
  delete process.env[EXECUTOR_LOGS_ENV];
  const output = new TaskOutput(token, Number(maxBytes), write);
  const printing = (
    chunk: Uint8Array | string,
    encoding?: BufferEncoding | (() => void),
    callback?: () => void,
  ): boolean => {
    const isNamed = typeof encoding === 'string';
    output.print(
      typeof chunk === 'string' ? Buffer.from(chunk, isNamed ? encoding : 'utf8') : chunk,
    );
    const done = typeof encoding === 'function' ? encoding : callback;
    if (done !== undefined) process.nextTick(done);
    return true;
  };
  process.stderr.write = printing;
  return output;
}
