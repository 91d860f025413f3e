import { mkdir } from 'node:fs/promises';
import { SeededRng } from '@spider/runtime';
import { type BlowName, type Disturbance, type Kill, KILLS } from './blows/blow.ts';
import { ChaosCluster } from './chaos-cluster.ts';
import { checkRun, type Findings } from './check-run.ts';
import { type Execution, monotonicMs, readExecutions } from './execution-record.ts';
import type { ChaosOptions } from './options.ts';
import { runTraffic } from './traffic.ts';
import { makeTrouble, startAgain, startNodeAgain } from './trouble.ts';

/** How long all jobs may take to end when nothing is struck any more. */
const HEAL_MS = 90_000;

export interface ChaosRoundOptions extends Omit<ChaosOptions, 'record' | 'roundSeconds'> {
  readonly round: number;
  readonly directory: string;
  readonly log: (line: string) => void;
}

/** What is written down of a round. */
export interface ChaosRound extends Omit<Findings, 'details'> {
  readonly embeddedScheduler: boolean;
  readonly kills: Partial<Record<BlowName, number>>;
  readonly otherBlows: Partial<Record<BlowName, number>>;
  readonly jobs: number;
  readonly tasks: number;
  readonly executions: number;
  /** Starts of a storage that has ended by itself, because of its disk or its database. */
  readonly storageRestarts: number;
  readonly longestOutageMs: number;
  /** What is not as promised, in words. */
  readonly problems: readonly string[];
}

/** Strikes a new cluster for so long, and checks what its tasks have noted. */
export async function runChaosRound(options: ChaosRoundOptions): Promise<ChaosRound> {
  const { seconds, directory, round, log } = options;
  const seed = options.seed * 1_000 + round;
  await mkdir(directory, { recursive: true });
  const startMs = monotonicMs();
  const logAt = (line: string): void =>
    log(`${((monotonicMs() - startMs) / 1_000).toFixed(3)} s: ${line}`);
  const problems: string[] = [];
  const end = new AbortController();
  const deadline = new AbortController();
  const giveUp = (what: string, error: unknown): void => {
    problems.push(`${what}: ${error instanceof Error ? error.message : String(error)}`);
    end.abort();
    deadline.abort();
  };
  const embeddedScheduler = drawEmbedded(options, seed);
  let storageRestarts = 0;
  await using cluster = await ChaosCluster.start({
    ...options,
    embeddedScheduler,
    log: logAt,
    onUnexpectedExit: (process, error) => {
      storageRestarts += 1;
      startAgain(cluster.world, process, error).catch((reason: unknown) =>
        giveUp(`${process.name} has ended by itself`, reason),
      );
    },
    onUnexpectedNodeExit: (name) => {
      startNodeAgain(cluster.world, name).catch((reason: unknown) => giveUp(name, reason));
    },
  });
  const trafficMs = monotonicMs();
  const traffic = runTraffic({
    seed,
    jobs: options.jobs,
    endpoints: [cluster.clientUrl],
    end: end.signal,
    deadline: deadline.signal,
  });
  const endTimer = setTimeout(() => end.abort(), seconds * 1_000);
  const { world } = cluster;
  await makeTrouble({ ...options, seed, world, lengthMs: seconds * 1_000, end: end.signal }).catch(
    (error: unknown) => giveUp('a server did not start again', error),
  );
  // Where a number of blows was to be reached, it is.
  end.abort();
  clearTimeout(endTimer);
  const healTimer = setTimeout(() => deadline.abort(), HEAL_MS);
  const results = await traffic;
  const endMs = monotonicMs();
  clearTimeout(healTimer);
  const executions = await readExecutions(cluster.record);
  const { disturbances, flushed } = world;
  const { details, ...findings } = checkRun({ results, executions, flushed, disturbances });
  return {
    embeddedScheduler,
    ...countBlows(disturbances),
    jobs: results.length,
    tasks: results.reduce((sum, { job }) => sum + job.graph.taskCount, 0),
    executions: executions.length,
    storageRestarts,
    ...findings,
    longestOutageMs: longestOutageMs(executions, trafficMs, endMs),
    problems: [
      ...problems,
      ...missedGoals(options, disturbances),
      ...details.filter((one) => isBroken(one, options)),
    ],
  };
}

/** Drawn, unless the scheduler alone is to be struck. */
function drawEmbedded({ blows, goals }: ChaosRoundOptions, seed: number): boolean {
  const isScheduler = (name: BlowName): boolean => name.startsWith('scheduler');
  if (blows.every(isScheduler) || [...(goals?.keys() ?? [])].some(isScheduler)) return false;
  return new SeededRng(`${seed}/cluster`).float() < 0.5;
}

/** Without `sync` a task may run again whose storage and execution manager died within milliseconds. */
const isBroken = (detail: string, { durability }: ChaosRoundOptions): boolean =>
  durability === 'sync' || !detail.startsWith('acknowledgedRerun');

function missedGoals(
  { goals }: ChaosRoundOptions,
  disturbances: readonly Disturbance[],
): readonly string[] {
  return [...(goals ?? [])].flatMap(([name, goal]) => {
    const struck = disturbances.filter(({ kind }) => kind === name).length;
    return struck >= goal ? [] : [`${name}: ${struck} blows in the time, not ${goal}`];
  });
}

function countBlows(
  disturbances: readonly Disturbance[],
): Pick<ChaosRound, 'kills' | 'otherBlows'> {
  const kills: Partial<Record<BlowName, number>> = {};
  const otherBlows: Partial<Record<BlowName, number>> = {};
  for (const { kind } of disturbances) {
    const counts = KILLS.includes(kind as Kill) ? kills : otherBlows;
    counts[kind] = (counts[kind] ?? 0) + 1;
  }
  return { kills, otherBlows };
}

function longestOutageMs(executions: readonly Execution[], startMs: number, endMs: number): number {
  const ends = executions.map((one) => one.endMs).sort((a, b) => a - b);
  let longest = 0;
  let lastMs = startMs;
  for (const ms of [...ends, endMs]) {
    longest = Math.max(longest, ms - lastMs);
    lastMs = Math.max(lastMs, ms);
  }
  return Math.round(longest);
}
