import { EventEmitter } from 'node:events';
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
 * What tasks print: says in a line of its own, before the first of a task, whose the next ones are, and
 * again where they are of the task's other stream. Drops what one task prints beyond a bound. A task
 * that prints nothing costs nothing.
 */
export class TaskOutput {
  readonly #token: string;
  readonly #maxBytes: number;
  readonly #write: Write;
  /** The encoded context of the task that is being run. */
  #context: Uint8Array | undefined;
  #hasPrinted = false;
  #isStderr = false;
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

  /** Something prints, to stdout or to stderr. */
  print(bytes: Uint8Array, isStderr: boolean): void {
    if (bytes.length === 0) return;
    const context = this.#context;
    if (context === undefined) {
      this.#pass(bytes);
      return;
    }
    if (!this.#hasPrinted) {
      this.#hasPrinted = true;
      this.#turnTo(context, isStderr);
    } else if (isStderr !== this.#isStderr && this.#bytes < this.#maxBytes) {
      // A task that turns to and fro all the time pays for that.
      this.#bytes += this.#turnTo(context, isStderr);
    }
    const room = Math.max(0, this.#maxBytes - this.#bytes);
    const fitting = bytes.length > room ? bytes.subarray(0, room) : bytes;
    this.#bytes += fitting.length;
    this.#droppedBytes += bytes.length - fitting.length;
    if (fitting.length > 0) this.#pass(fitting);
  }

  /** Answers how many bytes that took. */
  #turnTo(context: Uint8Array, isStderr: boolean): number {
    this.#isStderr = isStderr;
    const mark = formatLogMark(this.#token, markOf(context, isStderr));
    this.#say(mark);
    return mark.length;
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
function markOf(context: Uint8Array, isStderr: boolean): LogMark | undefined {
  try {
    const { jobId, taskIndex, taskInstanceId } = decodeTaskContext(context);
    return {
      jobId: String(jobId),
      taskIndex,
      taskInstanceId: String(taskInstanceId),
      isStderr,
    };
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
  const [, token, maxBytes] = /^([\w-]+),(\d+)$/.exec(process.env[EXECUTOR_LOGS_ENV] ?? '') ?? [];
  if (token === undefined) {
    replaceStdout(() => process.stderr);
    return undefined;
  }
  // Whoever knows the token can write in another task's name.
  delete process.env[EXECUTOR_LOGS_ENV];
  const output = new TaskOutput(token, Number(maxBytes), write);
  process.stderr.write = printing((bytes) => output.print(bytes, true));
  const stdout = stdoutOf((bytes) => output.print(bytes, false));
  replaceStdout(() => stdout);
  return output;
}

function replaceStdout(get: () => NodeJS.WritableStream): void {
  Object.defineProperty(process, 'stdout', { configurable: true, enumerable: true, get });
}

/**
 * Like stderr in all but what it does with what is written: descriptor 1 may be the pipe of results, and
 * a thread asks for more than a stream of our own would have.
 */
function stdoutOf(print: Write): NodeJS.WritableStream {
  const stdout = Object.create(process.stderr) as NodeJS.WriteStream;
  // Listeners of its own.
  Reflect.apply(EventEmitter, stdout, []);
  stdout.write = printing(print);
  return stdout;
}

/** What prints before it returns, in the form of a stream's `write`. */
function printing(print: Write): NodeJS.WriteStream['write'] {
  return (
    chunk: Uint8Array | string,
    encoding?: BufferEncoding | ((error?: Error | null) => void),
    callback?: (error?: Error | null) => void,
  ): boolean => {
    const isNamed = typeof encoding === 'string';
    print(typeof chunk === 'string' ? Buffer.from(chunk, isNamed ? encoding : 'utf8') : chunk);
    const done = typeof encoding === 'function' ? encoding : callback;
    if (done !== undefined) process.nextTick(done);
    return true;
  };
}
