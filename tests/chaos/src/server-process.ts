import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createWriteStream } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { createServer, type AddressInfo } from 'node:net';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

export interface ServerProcessOptions {
  /** The folder of the app. */
  readonly app: 'storage' | 'scheduler' | 'em';
  readonly name: string;
  readonly directory: string;
  readonly config: unknown;
  readonly env?: NodeJS.ProcessEnv;
}

/**
 * One server of a test that cannot use a cluster because it wants several of a kind. What it logs is
 * in the directory, in the file of its name.
 */
export class ServerProcess implements AsyncDisposable {
  readonly exited: Promise<number | null>;
  readonly #child: ChildProcess;
  readonly #states = new Map<string, PromiseWithResolvers<void>>();
  #log = '';

  private constructor(child: ChildProcess, logFile: string) {
    this.#child = child;
    child.stderr?.pipe(createWriteStream(logFile));
    this.exited = once(child, 'exit').then(([code]) => code as number | null);
    child.once('exit', (code) => {
      const error = new Error(`ended with code ${code}:\n${this.#log}`);
      for (const { reject } of this.#states.values()) reject(error);
    });
    if (child.stdout !== null)
      createInterface(child.stdout).on('line', (line) => this.#heard(line));
    child.stderr?.setEncoding('utf8').on('data', (chunk: string) => {
      this.#log = (this.#log + chunk).slice(-20_000);
    });
  }

  static async start(options: ServerProcessOptions): Promise<ServerProcess> {
    const { app, name, directory, config, env } = options;
    const configPath = join(directory, `${name}.yaml`);
    await writeFile(configPath, JSON.stringify(config));
    const script = fileURLToPath(new URL(`../../../apps/${app}/dist/main.js`, import.meta.url));
    const child = spawn(process.execPath, [script, '-c', configPath], {
      stdio: ['pipe', 'pipe', 'pipe'],
      cwd: directory,
      env: { ...process.env, ...env, SPIDER_EXIT_WITH_PARENT: '1' },
    });
    return new ServerProcess(child, join(directory, `${name}.log`));
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  /** The end of what it has logged. */
  get log(): string {
    return this.#log;
  }

  /** Resolves when it has said that it is in this state; rejects if it ends before. */
  until(state: 'ready' | 'standby'): Promise<void> {
    return this.#state(state).promise;
  }

  kill(signal: NodeJS.Signals): void {
    this.#child.kill(signal);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#child.kill('SIGCONT');
    this.#child.kill('SIGTERM');
    const timer = setTimeout(() => this.#child.kill('SIGKILL'), 10_000);
    await this.exited;
    clearTimeout(timer);
  }

  #heard(line: string): void {
    const state = line.split(' ')[1];
    if (state !== undefined) this.#state(state).resolve();
  }

  #state(name: string): PromiseWithResolvers<void> {
    let state = this.#states.get(name);
    if (state === undefined) {
      state = Promise.withResolvers();
      // Nobody has to wait for it.
      state.promise.catch(() => undefined);
      this.#states.set(name, state);
    }
    return state;
  }
}

/** A port of this machine that was free a moment ago. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}
