import type { ClusterProcess } from '@spider/local-cluster';
import { SeededRng } from '@spider/runtime';
import type { BlowName, World } from './blows/blow.ts';
import { BLOW_BY_NAME } from './blows/index.ts';
import { readJournal } from './blows/kills.ts';
import { monotonicMs } from './execution-record.ts';
import { pauseMs, pick } from './pace.ts';

export interface TroubleOptions {
  readonly seed: number | string;
  readonly blows: readonly BlowName[];
  /** How many of some are to be struck; the run ends when they were. */
  readonly goals: ReadonlyMap<BlowName, number> | undefined;
  /** Usual pauses are multiplied by it. */
  readonly pace: number;
  readonly world: World;
  readonly lengthMs: number;
  readonly end: AbortSignal;
}

/** How long after a fault of its disk or its database storage may end by itself. */
const ENDS_AFTER_MS = 60_000;
/** By these storage may lose its database, for which it is started again. */
const OF_THE_DATABASE: readonly BlowName[] = [
  'database',
  'database-stop',
  'storage-stop',
  'disk-full',
  'fsync',
  'cut',
  'block',
  'delay',
  'clock',
];
/** How soon a kind is looked at again of which there was nothing to strike. */
const RETRY_MS = 50;

/**
 * Strikes until the end, each kind of blow at its own pace beside the others. Everything runs again
 * when it resolves.
 */
export async function makeTrouble(options: TroubleOptions): Promise<void> {
  const { blows, goals, end: given } = options;
  const reached = new AbortController();
  const end = AbortSignal.any([given, reached.signal]);
  const startMs = monotonicMs();
  const lanes = blows.map((name) => ({ name, run: runLane(name, options, startMs, end) }));
  const failure = Promise.race(
    lanes.map(({ run }) => run.then(() => new Promise<never>(() => {}))),
  );
  if (goals !== undefined) {
    const all = Promise.all(lanes.filter(({ name }) => goals.has(name)).map(({ run }) => run));
    await Promise.race([all, failure]);
    reached.abort();
  }
  await Promise.race([Promise.all(lanes.map(({ run }) => run)), failure]);
}

async function runLane(
  name: BlowName,
  { seed, goals, pace, world, lengthMs }: TroubleOptions,
  startMs: number,
  end: AbortSignal,
): Promise<void> {
  const blow = BLOW_BY_NAME[name];
  const rng = new SeededRng(`${seed}/trouble/${name}`);
  const goal = goals?.get(name);
  const struck = (): number => world.disturbances.filter(({ kind }) => kind === name).length;
  let tookMs = 0;
  for (;;) {
    const leftMs = Math.max(0, startMs + lengthMs - monotonicMs());
    const leftBlows = goal === undefined ? undefined : goal - struck();
    if (leftBlows !== undefined && leftBlows <= 0) return;
    const everyMs = blow.everyMs * pace;
    await wait(pauseMs({ lot: rng.float(), leftMs, leftBlows, tookMs, everyMs }), end);
    if (end.aborted) return;
    const free = blow.victims(world).filter(({ claims }) => world.claims.areFree(claims));
    const victim = pick(rng, free);
    const claim = victim && world.claims.tryTake(victim.claims);
    if (victim === undefined || claim === undefined) {
      await wait(RETRY_MS, end);
      continue;
    }
    using _ = claim;
    const strikeMs = monotonicMs();
    await victim.strike(rng);
    tookMs = monotonicMs() - strikeMs;
  }
}

/**
 * Starts a process again that has ended by itself, as a supervisor would.
 *
 * @throws Error if it had no reason to end, or does not start again.
 */
export async function startAgain(
  world: World,
  process: ClusterProcess,
  error: Error,
): Promise<void> {
  const sinceMs = monotonicMs() - ENDS_AFTER_MS;
  const isExcused =
    process.name === 'storage' &&
    world.disturbances.some(
      ({ kind, untilMs }) => OF_THE_DATABASE.includes(kind) && untilMs >= sinceMs,
    );
  if (!isExcused) throw error;
  world.log(`storage has ended by itself: ${error.message.split('\n').at(-1)}`);
  using _ = await world.claims.take(['storage', 'database']);
  if (process.isRunning) return;
  await readJournal(world);
  await process.restart();
  world.log(`storage runs again: ${process.pid}`);
}

/** The same for a server of the database, which ends if it does not trust its disk any more. */
export async function startNodeAgain(world: World, name: string): Promise<void> {
  world.log(`${name} has ended by itself`);
  using _ = await world.claims.take(['database', name]);
  const node = world.database.nodes.find((one) => one.name === name);
  if (node === undefined || node.isRunning) return;
  await node.restart();
  world.log(`${name} runs again`);
}

/** Ends early when the signal is aborted. */
const wait = (ms: number, signal: AbortSignal): Promise<void> =>
  new Promise((resolve) => {
    if (signal.aborted) {
      resolve();
      return;
    }
    const onAbort = (): void => {
      clearTimeout(timer);
      resolve();
    };
    const timer = setTimeout(() => {
      signal.removeEventListener('abort', onAbort);
      resolve();
    }, ms);
    signal.addEventListener('abort', onAbort, { once: true });
  });
