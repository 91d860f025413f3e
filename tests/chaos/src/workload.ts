import {
  applyPolicyOptions,
  bytes,
  decodeValue,
  encodeFrame,
  encodeValue,
  int32,
  type TaskGraph,
  TaskGraphBuilder,
  type TaskKind,
  type TaskSource,
} from '@spider/core';
import { type Rng, SeededRng } from '@spider/runtime';
import { evaluateGraph, type TaskFunction } from '@spider/test-utils';
import { ARITIES, mix } from './task-packages/chaos/mix.ts';

/** A job of the run, and what is to happen to it. */
export interface ChaosJob {
  /** Counted from 0 over the run. */
  readonly number: number;
  readonly shape: Shape;
  readonly graph: TaskGraph;
  readonly inputs: Uint8Array;
  /** Whether it is started by a request of its own. */
  readonly startsSeparately: boolean;
  /** When it is cancelled, counted from its submission; undefined: never. */
  readonly cancelAfterMs: number | undefined;
}

export const SHAPES = ['layered', 'chain', 'fan', 'diamonds'] as const;
export type Shape = (typeof SHAPES)[number];

const PACKAGE = 'chaos';
const POLICY = applyPolicyOptions({ retries: 50 });
const TERMINATION = { packageName: PACKAGE, functionName: 'chaos::end', policy: POLICY };

/** The job of that number of the run with that seed: always the same. */
export function drawJob(seed: number, number: number): ChaosJob {
  const rng = new SeededRng(`${seed}/job/${number}`);
  const shape = pick(rng, SHAPES);
  const isChain = shape === 'chain';
  const taskCount = drawSize(rng, isChain ? 400 : 5_000);
  const graph = new GraphDrawer(rng).draw(shape, taskCount);
  return {
    number,
    shape,
    graph,
    inputs: encodeFrame([]),
    startsSeparately: rng.float() < 0.2,
    cancelAfterMs: rng.float() < 0.2 ? rng.float() ** 2 * 4_000 : undefined,
  };
}

const LARGE_SHAPES = ['layered', 'fan', 'diamonds'] as const;
/** Its outputs, of a thousand tasks, are the inputs of its commit task. */
const LARGE_JOB_LIMITS = { longestUs: 2_000, largestBytes: 1_024 };

/** A job of so many tasks that nobody cancels. */
export function drawLargeJob(seed: number, number: number, taskCount: number): ChaosJob {
  const rng = new SeededRng(`${seed}/large/${number}`);
  const shape = pick(rng, LARGE_SHAPES);
  return {
    number,
    shape,
    graph: new GraphDrawer(rng, LARGE_JOB_LIMITS).draw(shape, taskCount),
    inputs: encodeFrame([]),
    startsSeparately: false,
    cancelAfterMs: undefined,
  };
}

/** What the job's outputs are to be. */
export const expectedOutputs = ({ graph }: ChaosJob): Uint8Array[] =>
  evaluateGraph(graph, [], FUNCTIONS);

/** By the logarithm: many small jobs, and some large ones. */
const drawSize = (rng: Rng, max: number): number => Math.round(50 * (max / 50) ** rng.float());

const pick = <T>(rng: Rng, values: readonly [T, ...T[]] | readonly T[]): T =>
  values[Math.floor(rng.float() * values.length)] as T;

const FUNCTIONS: ReadonlyMap<string, TaskFunction> = new Map(
  ARITIES.map((arity) => [`${PACKAGE}/${functionName(arity)}`, evaluate]),
);

function evaluate([salt, size, , , ...values]: readonly Uint8Array[]): Uint8Array[] {
  const decoded = values.map((value) => decodeValue(bytes, value));
  const output = mix(readInt(salt), readInt(size), decoded);
  return [encodeValue(bytes, output)];
}

const readInt = (value: Uint8Array | undefined): number =>
  decodeValue(int32, value ?? new Uint8Array(0));

function functionName(arity: number): string {
  return `chaos::mix${arity}`;
}

/** Adds the tasks of a graph, each with parents among the earlier ones. */
class GraphDrawer {
  readonly #rng: Rng;
  readonly #builder = new TaskGraphBuilder();
  readonly #kinds = new Map<number, TaskKind>();
  readonly #size: TaskSource;
  readonly #duration: TaskSource;
  readonly #mayFail: TaskSource;

  constructor(rng: Rng, { longestUs, largestBytes } = { longestUs: 8_000, largestBytes: 4_096 }) {
    this.#rng = rng;
    this.#size = this.#constant(rng.float() < 0.2 ? largestBytes : 16);
    this.#duration = this.#constant(Math.floor(rng.float() ** 2 * longestUs));
    this.#mayFail = this.#constant(rng.float() < 0.25 ? 1 : 0);
  }

  draw(shape: Shape, taskCount: number): TaskGraph {
    const width = 5 + Math.floor(this.#rng.float() * 60);
    for (let task = 0; task < taskCount; task++) {
      this.#add(task, this.#parents(shape, task, width, taskCount));
    }
    if (this.#rng.float() < 0.3) this.#builder.setCommitTask(TERMINATION);
    if (this.#rng.float() < 0.3) this.#builder.setCleanupTask(TERMINATION);
    return this.#builder.build();
  }

  #parents(shape: Shape, task: number, width: number, taskCount: number): number[] {
    switch (shape) {
      case 'chain':
        return task === 0 ? [] : [task - 1];
      case 'layered': {
        const layer = Math.floor(task / width);
        if (layer === 0) return [];
        const arity = pick(this.#rng, ARITIES.slice(1));
        return this.#some(arity, (layer - 1) * width, width);
      }
      case 'fan':
        // One root, then all of the others, then a tail that joins them.
        if (task === 0) return [];
        return task < taskCount * 0.9 ? [0] : this.#some(25, 1, task - 1);
      case 'diamonds':
        // A top, two sides, a bottom that is the top of the next one.
        if (task === 0) return [];
        if (task % 3 === 0) return [task - 2, task - 1];
        return [task - (task % 3)];
      default:
        return shape satisfies never;
    }
  }

  #some(count: number, start: number, length: number): number[] {
    return Array.from({ length: count }, () => start + Math.floor(this.#rng.float() * length));
  }

  #add(salt: number, parents: readonly number[]): void {
    this.#builder.addTask({
      kind: this.#kind(parents.length),
      sources: [
        this.#constant(salt),
        this.#size,
        this.#duration,
        this.#mayFail,
        ...parents.map((task) => ({ from: 'task', task, position: 0 }) as const),
      ],
    });
  }

  #constant(value: number): TaskSource {
    return { from: 'constant', constant: this.#builder.addConstant(encodeValue(int32, value)) };
  }

  #kind(arity: number): TaskKind {
    let kind = this.#kinds.get(arity);
    if (kind === undefined) {
      const numbers = Array.from({ length: 4 }, () => int32.descriptor);
      const values = Array.from({ length: arity }, () => bytes.descriptor);
      kind = {
        packageName: PACKAGE,
        functionName: functionName(arity),
        inputs: [...numbers, ...values],
        outputs: [bytes.descriptor],
        policy: POLICY,
      };
      this.#kinds.set(arity, kind);
    }
    return kind;
  }
}
