import { stat } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { SeededRng } from '@spider/runtime';
import { checkRun, type Findings } from '../check-run.ts';
import { type Execution, monotonicMs, readExecutions } from '../execution-record.ts';
import { type JobResult, runTraffic } from '../traffic.ts';
import { drawLargeJob } from '../workload.ts';
import { type Proof, type ProofVariant, type Round } from './proof.ts';
import { ProofCluster } from './proof-cluster.ts';

const INSTANCES_PER_BLOCK = 2 ** 32;

/** When nothing is struck any more, a run is given up once no task has ended for so long. */
const STALLED_MS = 60_000;

export interface RoundOptions extends ProofVariant {
  readonly proof: Proof;
  readonly seed: number;
  readonly round: number;
  readonly blows: number;
  /** Of a job. */
  readonly tasks: number;
  readonly directory: string;
  readonly log: (line: string) => void;
}

/** What is written down of a round. */
export interface RoundResult extends Omit<Findings, 'details'> {
  readonly blows: number;
  readonly jobs: number;
  readonly tasks: number;
  readonly executions: number;
  /** From each blow to the first task that a later storage handed out. */
  readonly takeOversMs: readonly number[];
  readonly problems: readonly string[];
}

/** Strikes a new cluster so many times, and checks what its tasks have noted. */
export async function runRound(options: RoundOptions): Promise<RoundResult> {
  const { proof, directory, seed, round: number } = options;
  const { db, durability, separateScheduler, blows, tasks, log } = options;
  await using cluster = await ProofCluster.create({
    directory,
    db,
    durability,
    separateScheduler,
    ...proof.cluster,
  });
  const end = new AbortController();
  const deadline = new AbortController();
  let traffic: Promise<readonly JobResult[]> = Promise.resolve([]);
  const startMs = monotonicMs();
  const round: Round = {
    db,
    durability,
    separateScheduler,
    cluster,
    blows,
    rng: new SeededRng(`${seed}/proof/${number}`),
    disturbances: [],
    flushed: [],
    takeOvers: [],
    problems: [],
    log: (line) => log(`${((monotonicMs() - startMs) / 1_000).toFixed(3)} s: ${line}`),
    startTraffic: () => {
      traffic = runTraffic({
        seed: seed * 1_000 + number,
        jobs: proof.lanes,
        endpoints: cluster.storageUrls,
        draw: (from, job) => drawLargeJob(from, job, tasks),
        end: end.signal,
        deadline: deadline.signal,
      });
    },
  };
  try {
    await proof.strike(round);
  } finally {
    end.abort();
  }
  const watching = giveUpWhenStalled(cluster.record, deadline);
  const results = await traffic;
  deadline.abort();
  await watching;
  const executions = await readExecutions(cluster.record);
  const { details, ...findings } = checkRun({ ...round, results, executions });
  return {
    ...findings,
    blows,
    jobs: results.length,
    tasks: results.reduce((sum, { job }) => sum + job.graph.taskCount, 0),
    executions: executions.length,
    takeOversMs: round.takeOvers.map((one) => takeOverMs(executions, one)),
    problems: [...round.problems, ...details],
  };
}

/** Aborts when the record of executions has stopped to grow; ends when it is aborted. */
async function giveUpWhenStalled(record: string, deadline: AbortController): Promise<void> {
  for (let size = -1; !deadline.signal.aborted;) {
    const now = (await stat(record).catch(() => undefined))?.size ?? 0;
    if (now === size) deadline.abort();
    size = now;
    await sleep(STALLED_MS, undefined, { signal: deadline.signal }).catch(() => undefined);
  }
}

/** From an instant to the start of the first task that a later storage has handed out. */
function takeOverMs(
  executions: readonly Execution[],
  { atMs, block }: Round['takeOvers'][number],
): number {
  let firstMs = Infinity;
  for (const { startMs, instance } of executions) {
    if (startMs < atMs || Math.floor(instance / INSTANCES_PER_BLOCK) <= block) continue;
    firstMs = Math.min(firstMs, startMs);
  }
  return Math.round(firstMs - atMs);
}
