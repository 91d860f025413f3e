import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { mariadbMissing } from '@spider/test-utils';
import { describe, expect, test } from 'vitest';
import { checkRun, type Findings } from './check-run.ts';
import { type ChaosDatabase, type FlushedState, openChaosDatabase } from './database.ts';
import { type Execution, monotonicMs, readExecutions } from './execution-record.ts';
import { freePort, ServerProcess, type ServerProcessOptions } from './server-process.ts';
import { type JobResult, runTraffic } from './traffic.ts';

const TASK_PACKAGES = fileURLToPath(new URL('../dist/task-packages', import.meta.url));
const HOST = '127.0.0.1';
const INSTANCES_PER_BLOCK = 2 ** 32;

const KILLS = Number(process.env['SPIDER_FAILOVER_KILLS'] ?? 3);
const OVERLAPS = Number(process.env['SPIDER_FAILOVER_OVERLAPS'] ?? 1);

/** How long a take-over may take, from the kill to the first task that the other one hands out. */
const TAKE_OVER_MS = 5_000;

const NOTHING_BROKEN: Findings = {
  acknowledgedRerun: 0,
  flushedRerun: 0,
  heldRerun: 0,
  lost: 0,
  wrongOutputs: 0,
  jobsNotTerminal: 0,
  otherProblems: 0,
  details: [],
};

/** Two storages on one database, an execution manager and clients that know both. */
class Pair implements AsyncDisposable {
  readonly #stack = new AsyncDisposableStack();
  readonly #directory: string;
  readonly #database: ChaosDatabase;
  readonly #ports: readonly number[];
  readonly #end = new AbortController();
  readonly #deadline = new AbortController();
  #traffic: Promise<readonly JobResult[]> = Promise.resolve([]);
  #starts = 0;

  private constructor(directory: string, database: ChaosDatabase, ports: readonly number[]) {
    this.#directory = directory;
    this.#database = database;
    this.#ports = ports;
    this.#stack.use(database);
  }

  static async create(): Promise<Pair> {
    const directory = await mkdtemp(join(tmpdir(), 'spider-failover-'));
    const database = await openChaosDatabase('mariadb', directory);
    return new Pair(directory, database, [await freePort(), await freePort()]);
  }

  /** Starts the next storage, at the address of the one before the last. */
  async startStorage(): Promise<ServerProcess> {
    const name = `storage-${++this.#starts}`;
    const port = this.#ports[this.#starts % 2];
    const config = { host: HOST, port, standby: true, runtime: { db: this.#database.config } };
    return await this.#startServer({ app: 'storage', name, directory: this.#directory, config });
  }

  /** Starts to run jobs. */
  async startTraffic(seed: number): Promise<void> {
    const endpoints = this.#ports.map((port) => ({ host: HOST, port }));
    const manager = await this.#startServer({
      app: 'em',
      name: 'execution-manager',
      directory: this.#directory,
      config: {
        storage_endpoints: endpoints,
        slots: 2,
        task_executor: {
          package_dir: TASK_PACKAGES,
          inherited_env: ['SPIDER_CHAOS_RECORD'],
          guard_rail: { write: [this.#directory] },
        },
      },
    });
    await manager.until('ready');
    this.#traffic = runTraffic({
      seed,
      jobs: 3,
      endpoints: this.#ports.map((port) => `http://${HOST}:${port}`),
      end: this.#end.signal,
      deadline: this.#deadline.signal,
    });
  }

  readFlushed(): Promise<FlushedState> {
    return this.#database.readFlushed();
  }

  /** Waits for all jobs, and tells what was not as promised. */
  async finish(flushed: readonly FlushedState[]): Promise<Executed> {
    this.#end.abort();
    const timer = setTimeout(() => this.#deadline.abort(), 90_000);
    const results = await this.#traffic;
    clearTimeout(timer);
    const executions = await readExecutions(this.#record);
    return { executions, findings: checkRun({ results, executions, flushed, disturbances: [] }) };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#end.abort();
    this.#deadline.abort();
    await this.#stack.disposeAsync();
    await rm(this.#directory, { recursive: true, force: true });
  }

  get #record(): string {
    return join(this.#directory, 'executions');
  }

  async #startServer(options: ServerProcessOptions): Promise<ServerProcess> {
    const env = { SPIDER_CHAOS_RECORD: this.#record };
    return this.#stack.use(await ServerProcess.start({ ...options, env }));
  }
}

interface Executed {
  readonly executions: readonly Execution[];
  readonly findings: Findings;
}

/** From an instant to the first task that a later storage has handed out. */
function takeOverMs(executions: readonly Execution[], killMs: number, { block }: FlushedState) {
  const later = executions.filter(
    ({ startMs, instance }) =>
      startMs > killMs && Math.floor(instance / INSTANCES_PER_BLOCK) > block,
  );
  return Math.min(...later.map(({ startMs }) => startMs)) - killMs;
}

const missing = mariadbMissing();

describe.skipIf(missing !== undefined)(`two storages on a MariaDB ${missing ?? ''}`, () => {
  test(
    `when the active one is killed, ${KILLS} times under load, the standby goes on within seconds`,
    async () => {
      await using pair = await Pair.create();
      let active = await pair.startStorage();
      await active.until('ready');
      let standby = await pair.startStorage();
      await standby.until('standby');
      await pair.startTraffic(4);
      const kills: { readonly killMs: number; readonly flushed: FlushedState }[] = [];
      for (let kill = 0; kill < KILLS; kill++) {
        await sleep(1_000 + kill * 137);
        const killMs = monotonicMs();
        active.kill('SIGKILL');
        await active.exited;
        kills.push({ killMs, flushed: await pair.readFlushed() });
        await standby.until('ready');
        active = standby;
        standby = await pair.startStorage();
        await standby.until('standby');
      }
      await sleep(1_000);
      const { executions, findings } = await pair.finish(kills.map(({ flushed }) => flushed));
      expect(findings).toEqual(NOTHING_BROKEN);
      for (const { killMs, flushed } of kills) {
        expect(takeOverMs(executions, killMs, flushed)).toBeLessThan(TAKE_OVER_MS);
      }
    },
    120_000 + KILLS * 20_000,
  );

  test(
    `when the active one stands still past its lease, ${OVERLAPS} times, it ends when it wakes up`,
    async () => {
      await using pair = await Pair.create();
      let active = await pair.startStorage();
      await active.until('ready');
      await pair.startTraffic(5);
      for (let overlap = 0; overlap < OVERLAPS; overlap++) {
        const standby = await pair.startStorage();
        await standby.until('standby');
        await sleep(1_000 + overlap * 137);
        active.kill('SIGSTOP');
        await standby.until('ready');
        active.kill('SIGCONT');
        expect(await active.exited).toBe(1);
        expect(active.log).toContain('another storage has been started on the same database');
        active = standby;
      }
      await sleep(1_000);
      const { findings } = await pair.finish([]);
      expect(findings, findings.details.join('\n')).toEqual(NOTHING_BROKEN);
    },
    120_000 + OVERLAPS * 20_000,
  );
});
