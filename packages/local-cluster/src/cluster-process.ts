import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { access } from 'node:fs/promises';

import { openLog, type ProcessLog } from './process-log.ts';

/** How a process ended: with a code, or by a signal. */
export interface ProcessExit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

/** One process of a cluster. Started again it is the same one, with another `pid` and `exited`. */
export interface ClusterProcess {
  /** Unique in its cluster, such as `execution-manager-1`. */
  readonly name: string;
  readonly pid: number;
  readonly isRunning: boolean;
  /** Resolves when the process has ended; never rejects. */
  readonly exited: Promise<ProcessExit>;
  /** Sends a signal; nothing happens if the process has ended. */
  kill(signal: NodeJS.Signals): void;
  /**
   * Ends the process, gently first, unless it has ended, and starts it anew at the same address.
   * Resolves when it is ready.
   */
  restart(): Promise<void>;
  /** The last lines that the process has logged. */
  recentLog(): Promise<string[]>;
}

export interface ProcessOptions {
  readonly name: string;
  /** What it calls itself in its ready line, such as `spider-storage`. */
  readonly binary: string;
  /** The script that is run. */
  readonly path: string;
  /** Where it works. */
  readonly directory: string;
  /** Writes the configuration and answers the arguments; called at each start. */
  readonly prepare: () => Promise<readonly string[]>;
  readonly env: NodeJS.ProcessEnv;
  readonly startTimeoutMs: number;
  readonly stopTimeoutMs: number;
  /** Takes the log's lines; without it they go to `logPath`. */
  readonly onLog: ((line: string) => void) | undefined;
  readonly logPath: string;
  /** Told when the process has ended and nobody here has asked for it. */
  readonly onUnexpectedExit: (error: Error) => void;
}

interface RunningChild {
  readonly child: ChildProcess;
  readonly log: ProcessLog;
  readonly exited: Promise<ProcessExit>;
  exit: ProcessExit | undefined;
  /** Whether its end is asked for, or it is still to get ready. */
  isEndExpected: boolean;
}

/** Whether a process can lead a group, which a signal reaches as a whole. */
const HAS_GROUPS = process.platform !== 'win32';

export class ServiceProcess implements ClusterProcess {
  readonly name: string;
  readonly #options: ProcessOptions;
  #running: RunningChild | undefined;
  #detail = '';

  constructor(options: ProcessOptions) {
    this.name = options.name;
    this.#options = options;
  }

  get pid(): number {
    return this.#current.child.pid ?? 0;
  }

  get isRunning(): boolean {
    return this.#running !== undefined && this.#running.exit === undefined;
  }

  get exited(): Promise<ProcessExit> {
    return this.#current.exited;
  }

  /** What the process said when it was ready: its URL, or its id. */
  get detail(): string {
    return this.#detail;
  }

  /** Resolves when the process is ready. */
  async start(signal?: AbortSignal): Promise<void> {
    const { path, prepare } = this.#options;
    signal?.throwIfAborted();
    await access(path).catch(() => {
      throw new Error(`${path} is not there; in a clone of the repository: npm run build`);
    });
    const args = await prepare();
    const running = await this.#spawn(args);
    this.#running = running;
    try {
      this.#detail = await this.#readiness(running, signal);
    } catch (error) {
      await this.stop();
      throw await this.#explain(error, running);
    }
    running.isEndExpected = false;
    void running.exited.then((exit) => this.#ended(running, exit));
  }

  kill(signal: NodeJS.Signals): void {
    const running = this.#current;
    if (running.exit !== undefined) return;
    if (signal !== 'SIGSTOP' && signal !== 'SIGCONT') running.isEndExpected = true;
    running.child.kill(signal);
  }

  /** Ends the process with all of its children: gently, and by force when the time is up. */
  async stop(): Promise<void> {
    const running = this.#running;
    if (running === undefined) return;
    if (running.exit === undefined) {
      running.isEndExpected = true;
      running.child.kill('SIGTERM');
      const timer = setTimeout(() => killGroup(running.child), this.#options.stopTimeoutMs);
      await running.exited;
      clearTimeout(timer);
      // Whoever it has left behind.
      killGroup(running.child);
    }
    await running.log.close();
  }

  async restart(): Promise<void> {
    await this.stop();
    await this.start();
  }

  async recentLog(): Promise<string[]> {
    return this.#current.log.recentLines();
  }

  get #current(): RunningChild {
    if (this.#running === undefined) throw new Error(`${this.name} was not started`);
    return this.#running;
  }

  async #spawn(args: readonly string[]): Promise<RunningChild> {
    const { path, directory, env, onLog, logPath } = this.#options;
    const log = await openLog(onLog ?? logPath);
    const child = spawn(process.execPath, [path, ...args], {
      // The other end of stdin closes when this process dies, in whatever way.
      stdio: ['pipe', 'pipe', log.stdio],
      cwd: directory,
      env: { ...env, SPIDER_EXIT_WITH_PARENT: '1' },
      // Ctrl-C in the terminal is for this process alone, which then ends the others in order.
      detached: HAS_GROUPS,
    });
    child.stdin?.on('error', () => undefined);
    if (child.stderr !== null) log.take(child.stderr);
    const exited = untilExit(child);
    const running: RunningChild = { child, log, exited, exit: undefined, isEndExpected: true };
    void exited.then((exit) => (running.exit = exit));
    return running;
  }

  /** Resolves with the detail of the ready line. */
  async #readiness({ child, exited }: RunningChild, signal?: AbortSignal): Promise<string> {
    const { binary, startTimeoutMs } = this.#options;
    const { promise, resolve, reject } = Promise.withResolvers<string>();
    const prefix = `${binary} ready `;
    let output: string | undefined = '';
    child.stdout?.setEncoding('utf8').on('data', (chunk: string) => {
      if (output === undefined) return;
      output += chunk;
      const line = output
        .split('\n')
        .slice(0, -1)
        .find((text) => text.startsWith(prefix));
      if (line === undefined) return;
      output = undefined;
      resolve(line.slice(prefix.length));
    });
    child.once('error', reject);
    void exited.then((exit) => reject(new Error(describeExit(exit))));
    const timer = setTimeout(
      () => reject(new Error(`was not ready within ${startTimeoutMs} ms`)),
      startTimeoutMs,
    );
    const onAbort = (): void => reject(signal?.reason as Error);
    signal?.addEventListener('abort', onAbort, { once: true });
    try {
      return await promise;
    } finally {
      clearTimeout(timer);
      signal?.removeEventListener('abort', onAbort);
    }
  }

  async #explain(error: unknown, { log }: RunningChild): Promise<unknown> {
    if (!(error instanceof Error) || error.name === 'AbortError') return error;
    return new Error(await describe(`${this.#options.binary} ${error.message}`, log), {
      cause: error,
    });
  }

  #ended(running: RunningChild, exit: ProcessExit): void {
    if (running.isEndExpected) return;
    const problem = `${this.#options.binary} (${this.name}) ${describeExit(exit)}`;
    void describe(problem, running.log).then((text) =>
      this.#options.onUnexpectedExit(new Error(text)),
    );
  }
}

async function untilExit(child: ChildProcess): Promise<ProcessExit> {
  try {
    const [code, signal] = (await once(child, 'exit')) as [
      ProcessExit['code'],
      ProcessExit['signal'],
    ];
    return { code, signal };
  } catch {
    // It could not be started at all.
    return { code: null, signal: null };
  }
}

function killGroup({ pid }: ChildProcess): void {
  if (pid === undefined) return;
  try {
    process.kill(HAS_GROUPS ? -pid : pid, 'SIGKILL');
  } catch {
    // Nobody is left in it.
  }
}

function describeExit({ code, signal }: ProcessExit): string {
  return signal === null ? `ended with code ${code}` : `was ended by ${signal}`;
}

async function describe(problem: string, log: ProcessLog): Promise<string> {
  const lines = await log.recentLines();
  return lines.length === 0 ? problem : `${problem}; its last lines:\n${lines.join('\n')}`;
}
