import { SeededRng } from '@spider/runtime';
import type { PolicyName } from '@spider/scheduler';

import { Draw } from './draw.ts';
import type { JobSpec } from './job-spec.ts';
import { drawMachines } from './machine.ts';
import type { Machine } from './machine.ts';
import type { TakeOver } from './sim-activation.ts';
import type { NetworkRates } from './sim-network.ts';
import { SMALLEST_VALUE } from './task-values.ts';
import { drawHeavyJob, drawWorkload } from './workload.ts';

const MIB = 1024 * 1024;

/** What may go wrong. Each can be left out, to find out which of them a failure needs. */
export const FAULTS = [
  'storage-kill',
  'storage-freeze',
  'storage-stop',
  'scheduler-kill',
  'em-kill',
  'em-stop',
  'em-freeze',
  'executor-kill',
  'reset',
  'reset-stream',
  'partition',
  'lost-call',
  'repeated-call',
  'busy-database',
  'database-away',
  'lost-answer',
  'crash-around-commit',
  'slow-database',
  'slow-network',
  'clock-skew',
  'em-drain',
] as const;

export type Fault = (typeof FAULTS)[number];

/** What may go wrong while nobody is hurt or cut off … */
const CALM_FAULTS: readonly Fault[] = [
  'busy-database',
  'slow-database',
  'slow-network',
  'clock-skew',
];
/** … and while nobody has to wait for anything but slots. */
const PROMPT_FAULTS: readonly Fault[] = ['clock-skew'];

/** Everything that a seed decides before a world begins. */
export interface Scenario {
  readonly seed: number;
  /** No process is hurt or cut off. */
  readonly isCalm: boolean;
  /** The jobs of one resource group would keep all slots busy for long. Such a world is calm. */
  readonly hasHeavyTenant: boolean;
  /** Each with an execution manager. */
  readonly machines: readonly Machine[];
  readonly slots: number;
  readonly hasExtensions: boolean;
  readonly hasSeparateScheduler: boolean;
  readonly takeOver: TakeOver;
  readonly leaseMs: number;
  readonly durability: 'job' | 'task' | 'sync';
  readonly policy: PolicyName;
  readonly network: NetworkRates;
  /** The usual time between two faults of a kind; Infinity for none. */
  readonly everyMs: Readonly<Record<Fault, number>>;
  /** Of each call of the database, from 0 to 1. */
  readonly busyRate: number;
  readonly lostAnswerRate: number;
  readonly crashRate: number;
  /** Of each commit. */
  readonly freezeRate: number;
  readonly databaseDelayMs: number;
  readonly skewMs: number;
  /** How long faults go on. */
  readonly faultyMs: number;
  readonly groups: number;
  readonly limits: ConcurrencyLimits;
  readonly bounds: Bounds;
  readonly jobs: readonly JobSpec[];
}

/** How many tasks may be out at a time. */
export interface ConcurrencyLimits {
  /** By id. */
  readonly groups: Readonly<Record<string, number>>;
  /** By package/function. */
  readonly kinds: Readonly<Record<string, number>>;
}

/** How much may wait where; in most worlds so little that everybody has to wait. */
export interface Bounds {
  /** Tasks in the scheduler, for each pool of execution managers. */
  readonly readyTasks: number;
  /** Bytes for the database beyond which nothing is read that leads to more. */
  readonly unflushedBytes: number;
  /** Bytes of outputs in memory that are in the journal as well. */
  readonly outputBytes: number;
}

export interface ScenarioOptions {
  /** Faults that do not happen. */
  readonly without?: ReadonlySet<Fault>;
  /** Jobs that are left out, by their number. */
  readonly withoutJobs?: ReadonlySet<number>;
  /** How long faults go on; drawn by default. */
  readonly faultyMs?: number | undefined;
}

/** Draws a scenario. The rates are drawn too, so that each world has troubles of its own. */
export function drawScenario(seed: number, options: ScenarioOptions = {}): Scenario {
  const draw = new Draw(new SeededRng(`scenario ${seed}`));
  const isCalm = draw.chance(0.3);
  const hasHeavyTenant = isCalm && draw.chance(0.35);
  const possible = hasHeavyTenant ? PROMPT_FAULTS : isCalm ? CALM_FAULTS : FAULTS;
  const isOn = (fault: Fault): boolean =>
    draw.chance(0.4) && possible.includes(fault) && options.without?.has(fault) !== true;
  const every = (fault: Fault): number => {
    const everyMs = draw.skewed(500, 10_000);
    return isOn(fault) ? everyMs : Infinity;
  };
  const everyMs = Object.fromEntries(FAULTS.map((fault) => [fault, every(fault)]));
  const rate = (low: number, high: number): number =>
    draw.chance(0.5) ? draw.skewed(low, high) : 0;
  const drawnMs = draw.between(3_000, 15_000);
  const faultyMs = options.faultyMs ?? drawnMs;
  const groups = draw.int(hasHeavyTenant ? 2 : 1, 3);
  const slots = draw.int(1, hasHeavyTenant ? 2 : 4);
  const machines = drawMachines(
    draw,
    draw.int(1, hasHeavyTenant ? 2 : 4),
    groups,
    hasHeavyTenant || draw.chance(0.5),
  );
  const slowRate = rate(0.001, 0.1);
  const [busyRate, crashRate] = [draw.skewed(0.001, 0.2), draw.skewed(0.0005, 0.02)];
  const durability = draw.pick(['task', 'task', 'task', 'sync', 'job'] as const);
  const jobs = drawWorkload(draw, {
    jobs: draw.int(1, 5),
    tasksMax: draw.pick([5, 20, hasHeavyTenant ? 20 : 80]),
    failRate: rate(0.02, 0.4),
    exitRate: hasHeavyTenant ? 0 : rate(0.01, 0.1),
    hangRate: hasHeavyTenant ? 0 : rate(0.01, 0.05),
    doomedRate: draw.chance(0.3) ? 0.02 : 0,
    slowRate: hasHeavyTenant ? 0 : isCalm ? draw.skewed(0.05, 0.5) : rate(0.05, 0.5),
    cancelRate: draw.chance(0.5) ? 0.5 : 0,
    deadlineRate: draw.chance(0.3) ? 0.3 : 0,
    payloadBytesMax: draw.pick([SMALLEST_VALUE, 100, 10_000]),
    limitRate: !hasHeavyTenant && draw.chance(0.3) ? 0.5 : 0,
    requireRate: draw.chance(0.5) ? 0.5 : 0,
    lookRate: draw.chance(0.5) ? 0.5 : 0,
    durability,
    spanMs: hasHeavyTenant ? 2_000 : faultyMs * draw.pick([0.1, 0.5, 1]),
    groups: [hasHeavyTenant ? 2 : 1, groups],
    machines,
  });
  if (hasHeavyTenant) jobs.unshift(drawHeavyJob(draw, slots * machines.length));
  const takeOver = draw.pick(['lock', 'lease', 'lease', 'lease'] as const);
  const ifOn = (fault: Fault, value: number): number => (everyMs[fault] === Infinity ? 0 : value);
  return {
    seed,
    machines,
    isCalm,
    hasHeavyTenant,
    slots,
    hasExtensions: draw.chance(0.7),
    hasSeparateScheduler: draw.chance(0.5),
    takeOver,
    leaseMs: draw.pick([600, 600, 3_000]),
    durability,
    policy: hasHeavyTenant
      ? 'weighted_fair'
      : draw.pick(['weighted_fair', 'weighted_fair', 'round_robin', 'fifo']),
    network: {
      delayMs: draw.skewed(0.05, 20),
      slowRate: ifOn('slow-network', slowRate),
      slowMs: draw.skewed(10, 2_000),
      lossRate: ifOn('lost-call', draw.skewed(0.01, 0.2)),
      repeatRate: ifOn('repeated-call', draw.skewed(0.05, 0.5)),
    },
    everyMs: everyMs as Record<Fault, number>,
    busyRate: ifOn('busy-database', busyRate),
    lostAnswerRate: takeOver === 'lease' ? ifOn('lost-answer', draw.skewed(0.005, 0.2)) : 0,
    crashRate: ifOn('crash-around-commit', crashRate),
    freezeRate: ifOn('storage-freeze', draw.skewed(0.05, 0.3)),
    databaseDelayMs: ifOn('slow-database', draw.skewed(0.1, 50)),
    skewMs: ifOn('clock-skew', draw.between(0, 60_000)),
    faultyMs,
    groups,
    limits: hasHeavyTenant ? NO_LIMITS : drawLimits(draw, groups, jobs),
    bounds: {
      readyTasks: draw.pick([1, 4, 16 * 1024]),
      unflushedBytes: draw.pick([1, 2_000, 64 * MIB]),
      outputBytes: draw.pick([4_096, 16_384, 1024 * MIB]),
    },
    jobs: jobs.filter((_, number) => options.withoutJobs?.has(number) !== true),
  };
}

const NO_LIMITS: ConcurrencyLimits = { groups: {}, kinds: {} };

function drawLimits(draw: Draw, groups: number, jobs: readonly JobSpec[]): ConcurrencyLimits {
  const isLimited = draw.chance(0.3);
  const limited = <T>(all: readonly T[]): readonly T[] =>
    isLimited ? all.filter(() => draw.chance(0.3)) : [];
  const withLimits = (names: readonly string[]): Record<string, number> =>
    Object.fromEntries(names.map((name) => [name, draw.int(1, 4)]));
  const ids = Array.from({ length: groups }, (_, at) => String(at + 1));
  const kinds = jobs.flatMap(({ graph }) =>
    graph.kinds.map(({ packageName, functionName }) => `${packageName}/${functionName}`),
  );
  return {
    groups: withLimits(limited(ids)),
    kinds: withLimits(limited([...new Set(kinds)])),
  };
}
