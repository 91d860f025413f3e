import { setTimeout as sleep } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { GrpcClient } from '../grpc-client.ts';
import { Schema } from '../schema.ts';
import { Caller } from './caller.ts';
import { Draw } from './draw.ts';
import { KnownValues } from './known-values.ts';
import { Nonsense } from './nonsense.ts';
import { proveReferenceJobs } from './proof.ts';
import { RequestMaker } from './request-maker.ts';
import { endJobs } from './sweep.ts';
import { FuzzTarget } from './target.ts';
import type { FuzzDatabase } from './target.ts';

export interface FuzzOptions {
  readonly calls: number;
  /** Draws all that is drawn by lot. */
  readonly seed: number;
  readonly database: FuzzDatabase;
  readonly connections: number;
  readonly onProgress?: (line: string) => void;
}

export interface FuzzResult {
  readonly calls: number;
  /** What should not have happened. */
  readonly findings: readonly string[];
  /** How often each method was answered what. */
  readonly answers: Readonly<Record<string, number>>;
  /** Of the whole process after a fifth of the calls, and in the end, with no job left; of long runs. */
  readonly heapBytes: readonly [early: number, late: number];
}

/** Every service of the port. */
const FILES = [
  'storage/storage.proto',
  'spider/v1/job.proto',
  'spider/v1/worker.proto',
  'spider/v1/cluster.proto',
  'spider/v1/dispatch.proto',
  'grpc/health/v1/health.proto',
];
const REFERENCE = new Schema(['storage/storage.proto']);
/** Calls between two looks at the invariants, and two sweeps that end old jobs. */
const CALLS_PER_ROUND = 500;
const IN_FLIGHT_PER_CONNECTION = 6;
const FINDINGS_MAX = 20;
/** What may come on top while nothing leaks. */
const HEAP_SLACK_BYTES = 24 * 1024 * 1024;
const HEAP_GROWTH_MAX = 1.3;
const MIN_CALLS_FOR_HEAP = 20_000;

/**
 * Calls everything at random, sound and hostile, on several connections at once. Looks at the
 * invariants of all jobs meanwhile, and in the end whether jobs still run and memory is as it was.
 */
export async function runFuzz(options: FuzzOptions): Promise<FuzzResult> {
  await using target = await FuzzTarget.start(options.database);
  const run = new FuzzRun(options, target);
  return await run.run();
}

class FuzzRun {
  readonly #options: FuzzOptions;
  readonly #target: FuzzTarget;
  readonly #schema = new Schema(FILES);
  readonly #known = new KnownValues();
  readonly #findings: string[] = [];
  readonly #answers: Record<string, number> = {};
  #sweptUntil = 0;

  constructor(options: FuzzOptions, target: FuzzTarget) {
    this.#options = options;
    this.#target = target;
  }

  async run(): Promise<FuzzResult> {
    const { calls, onProgress } = this.#options;
    const isLong = calls >= MIN_CALLS_FOR_HEAP;
    let early = 0;
    for (let done = 0; done < calls && this.#findings.length < FINDINGS_MAX;) {
      const round = Math.min(CALLS_PER_ROUND, calls - done);
      await this.#round(done, round);
      done += round;
      if (isLong && early === 0 && done >= calls / 5) early = await this.#heapAtRest();
      onProgress?.(
        `${done} calls, ${this.#known.lastJobId} jobs, ${this.#findings.length} findings`,
      );
    }
    const late = isLong ? await this.#heapAtRest() : 0;
    if (isLong && late > early * HEAP_GROWTH_MAX + HEAP_SLACK_BYTES) {
      this.#find(`the heap has grown from ${early} to ${late} bytes`);
    }
    await this.#prove();
    const { calls: count } = this.#options;
    const [findings, answers] = [this.#findings, this.#answers];
    return { calls: count, findings, answers, heapBytes: [early, late] };
  }

  /** New connections for each round: what is left open on the old ones breaks off. */
  async #round(start: number, calls: number): Promise<void> {
    const { seed, connections } = this.#options;
    await using cleanup = new AsyncDisposableStack();
    const draw = new Draw(`${seed}/${start}`);
    const make = new RequestMaker(this.#schema, this.#known, draw);
    const callers = Array.from({ length: connections }, () => {
      const client = cleanup.use(new GrpcClient(this.#target.url, this.#schema));
      const nonsense = cleanup.use(new Nonsense(this.#target.url));
      return new Caller({
        schema: this.#schema,
        client,
        nonsense,
        make,
        onFinding: (finding) => this.#find(finding),
        onAnswer: (method, code) => {
          const what = `${method} ${code}`;
          this.#answers[what] = (this.#answers[what] ?? 0) + 1;
        },
      });
    });
    let left = calls;
    const work = async (caller: Caller): Promise<void> => {
      while (left > 0) {
        left -= 1;
        await caller.next();
      }
    };
    const workers = callers.flatMap((caller) =>
      Array.from({ length: IN_FLIGHT_PER_CONNECTION }, () => work(caller)),
    );
    await Promise.all(workers);
    this.#look();
    await Promise.all(callers.map((caller) => caller.close()));
    this.#look();
    await this.#sweep(this.#known.lastJobId - 50);
  }

  #look(): void {
    try {
      this.#target.validateState();
    } catch (error) {
      this.#find(`an invariant does not hold: ${String(error)}`);
    }
    const { lines } = this.#target.logger;
    for (const { level, message, fields } of lines) {
      if (level === 'error') this.#find(`storage logged: ${message} ${inspect(fields)}`);
    }
    lines.length = 0;
  }

  /** Ends jobs, or they would be there to stay. */
  async #sweep(until: number): Promise<void> {
    if (until <= this.#sweptUntil) return;
    using client = new GrpcClient(this.#target.url, REFERENCE);
    try {
      await endJobs(client, this.#sweptUntil + 1, until);
    } catch (error) {
      this.#find(String(error));
    }
    this.#sweptUntil = until;
  }

  async #heapAtRest(): Promise<number> {
    await this.#sweep(this.#known.lastJobId);
    // Ended jobs and lost execution managers are forgotten after a second or two.
    await sleep(3_000);
    setFlagsFromString('--expose-gc');
    const collect = runInNewContext('gc') as () => void;
    collect();
    collect();
    return process.memoryUsage().heapUsed;
  }

  async #prove(): Promise<void> {
    using client = new GrpcClient(this.#target.url, REFERENCE);
    try {
      await proveReferenceJobs(client);
    } catch (error) {
      this.#find(`a job does not run any more: ${String(error)}`);
    }
    this.#look();
  }

  #find(finding: string): void {
    if (this.#findings.length < FINDINGS_MAX) this.#findings.push(finding);
  }
}

const inspect = (fields: object): string =>
  JSON.stringify(fields, (_, value: unknown) =>
    value instanceof Error
      ? (value.stack ?? value.message)
      : typeof value === 'bigint'
        ? `${value}`
        : value,
  );
