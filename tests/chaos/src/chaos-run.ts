import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { startLocalCluster } from '@spider/local-cluster';
import { SeededRng } from '@spider/runtime';
import { checkRun, type Findings } from './check-run.ts';
import { openChaosDatabase } from './database.ts';
import { type Execution, monotonicMs, readExecutions } from './execution-record.ts';
import type { ChaosOptions, Kind } from './options.ts';
import { runTraffic } from './traffic.ts';
import { type Disturbance, makeTrouble } from './trouble.ts';

const TASK_PACKAGES = fileURLToPath(new URL('../dist/task-packages', import.meta.url));
const EXECUTION_MANAGERS = 2;
const SLOTS = 2;

/** How long an execution manager may be without a stream, or silent: ten heartbeats. */
const GRACE_MS = 3_500;

/** How long all jobs may take to end when nobody kills anything any more. */
const HEAL_MS = 90_000;

/** The line that a run ends with. */
export interface ChaosResult extends Omit<Findings, 'details'> {
  readonly seed: number;
  readonly db: string;
  readonly durability: string;
  readonly embeddedScheduler: boolean;
  readonly kills: Partial<Record<Disturbance['kind'], number>>;
  readonly jobs: number;
  readonly tasks: number;
  readonly executions: number;
  /** The longest time in which no task ended though there were jobs. */
  readonly longestOutageMs: number;
}

export interface ChaosRun {
  readonly result: ChaosResult;
  /** What is not as promised, in words. */
  readonly problems: readonly string[];
}

export async function runChaos(
  options: ChaosOptions,
  directory: string,
  log: (line: string) => void,
): Promise<ChaosRun> {
  const { seed, seconds, db, durability } = options;
  await mkdir(directory, { recursive: true });
  const recordFile = join(directory, 'executions');
  const embeddedScheduler = drawEmbedded(options);
  await using database = await openChaosDatabase(db, directory);
  const crashes: string[] = [];
  const cluster = await startLocalCluster({
    directory,
    packageDir: TASK_PACKAGES,
    executionManagers: EXECUTION_MANAGERS,
    slots: SLOTS,
    embeddedScheduler,
    env: { SPIDER_CHAOS_RECORD: recordFile },
    config: {
      storage: {
        runtime: {
          db: database.config,
          journal: { durability },
          execution_managers: { stream_grace_ms: GRACE_MS, heartbeat_interval_ms: GRACE_MS / 10 },
        },
      },
      executionManager: {
        task_executor: {
          inherited_env: ['SPIDER_CHAOS_RECORD'],
          guard_rail: { write: [directory] },
        },
      },
    },
  });
  await using _ = cluster;
  const end = new AbortController();
  const deadline = new AbortController();
  cluster.failed.catch((error: unknown) => {
    crashes.push(`a server ended by itself: ${error instanceof Error ? error.message : ''}`);
    end.abort();
    deadline.abort();
  });
  const traffic = runTraffic({
    seed,
    jobs: options.jobs,
    endpoints: [cluster.storageUrl],
    end: end.signal,
    deadline: deadline.signal,
  });
  const endTimer = setTimeout(() => end.abort(), seconds * 1_000);
  const startMs = monotonicMs();
  const { disturbances, flushed } = await makeTrouble({
    seed,
    kinds: options.kinds,
    kills: options.kills,
    cluster,
    database,
    graceMs: GRACE_MS,
    end: end.signal,
    log: (line) => log(`${((monotonicMs() - startMs) / 1_000).toFixed(3)} s: ${line}`),
  }).catch((error: unknown) => {
    crashes.push(`a server did not start again: ${error instanceof Error ? error.message : ''}`);
    end.abort();
    deadline.abort();
    return { disturbances: [], flushed: [] };
  });
  // Where a number of kills was to be reached, it is.
  end.abort();
  const healTimer = setTimeout(() => deadline.abort(), HEAL_MS);
  const results = await traffic;
  const endMs = monotonicMs();
  clearTimeout(endTimer);
  clearTimeout(healTimer);
  const executions = await readExecutions(recordFile);
  const { details, ...findings } = checkRun({ results, executions, flushed, disturbances });
  const result: ChaosResult = {
    seed,
    db,
    durability,
    embeddedScheduler,
    kills: countKills(disturbances),
    jobs: results.length,
    tasks: results.reduce((sum, { job }) => sum + job.graph.taskCount, 0),
    executions: executions.length,
    ...findings,
    longestOutageMs: longestOutageMs(executions, startMs, endMs),
  };
  return { result, problems: [...crashes, ...details.filter((one) => isBroken(one, options))] };
}

/** Drawn, unless the scheduler alone is to be killed. */
function drawEmbedded({ seed, kinds, kills }: ChaosOptions): boolean {
  if (kills?.has('scheduler') === true) return false;
  const separates = new SeededRng(`${seed}/cluster`).float() < 0.5;
  return !(separates || (kinds.length === 1 && kinds[0] === 'scheduler'));
}

/** Without `sync` a task may run again whose storage and execution manager died within milliseconds. */
const isBroken = (detail: string, { durability }: ChaosOptions): boolean =>
  durability === 'sync' || !detail.startsWith('acknowledgedRerun');

function countKills(disturbances: readonly Disturbance[]): ChaosResult['kills'] {
  const kills: Partial<Record<Kind | 'em-stop', number>> = {};
  for (const { kind } of disturbances) kills[kind] = (kills[kind] ?? 0) + 1;
  return kills;
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
