import { SeededRng } from '@spider/runtime';
import type { PolicyName } from '@spider/scheduler';

import { Draw } from './draw.ts';
import type { JobSpec } from './job-spec.ts';
import type { NetworkRates } from './sim-network.ts';
import { drawWorkload } from './workload.ts';

/** What may go wrong. Each can be left out, to find out which of them a failure needs. */
export const FAULTS = [
  'storage-kill',
  'storage-freeze',
  'scheduler-kill',
  'em-kill',
  'em-stop',
  'em-freeze',
  'executor-kill',
  'reset',
  'partition',
  'busy-database',
  'crash-around-commit',
  'slow-database',
  'slow-network',
  'clock-skew',
] as const;

export type Fault = (typeof FAULTS)[number];

/** Everything that a seed decides before a world begins. */
export interface Scenario {
  readonly seed: number;
  readonly executionManagers: number;
  readonly slots: number;
  readonly hasExtensions: boolean;
  readonly hasSeparateScheduler: boolean;
  readonly durability: 'job' | 'task' | 'sync';
  readonly policy: PolicyName;
  readonly network: NetworkRates;
  /** The usual time between two faults of a kind; Infinity for none. */
  readonly everyMs: Readonly<Record<Fault, number>>;
  /** Of each call of the database, from 0 to 1. */
  readonly busyRate: number;
  readonly crashRate: number;
  readonly databaseDelayMs: number;
  readonly skewMs: number;
  /** How long faults go on. */
  readonly faultyMs: number;
  readonly groups: number;
  readonly jobs: readonly JobSpec[];
}

export interface ScenarioOptions {
  /** Faults that do not happen. */
  readonly without?: ReadonlySet<Fault>;
  /** Jobs that are left out, by their number. */
  readonly withoutJobs?: ReadonlySet<number>;
}

/** Draws a scenario. The rates are drawn too, so that each world has troubles of its own. */
export function drawScenario(seed: number, options: ScenarioOptions = {}): Scenario {
  const draw = new Draw(new SeededRng(`scenario ${seed}`));
  const isOn = (fault: Fault): boolean => draw.chance(0.4) && options.without?.has(fault) !== true;
  const every = (fault: Fault): number => {
    const everyMs = draw.skewed(500, 10_000);
    return isOn(fault) ? everyMs : Infinity;
  };
  const everyMs = Object.fromEntries(FAULTS.map((fault) => [fault, every(fault)]));
  const rate = (low: number, high: number): number =>
    draw.chance(0.5) ? draw.skewed(low, high) : 0;
  const faultyMs = draw.between(3_000, 15_000);
  const groups = draw.int(1, 3);
  const slowRate = rate(0.001, 0.1);
  const [busyRate, crashRate] = [draw.skewed(0.001, 0.2), draw.skewed(0.0005, 0.02)];
  const databaseDelayMs = draw.skewed(0.1, 50);
  const skewMs = draw.between(0, 60_000);
  const durability = draw.pick(['task', 'task', 'sync', 'job'] as const);
  const jobs = drawWorkload(draw, {
    jobs: draw.int(1, 5),
    tasksMax: draw.pick([5, 20, 80]),
    failRate: rate(0.02, 0.4),
    exitRate: rate(0.01, 0.1),
    hangRate: rate(0.01, 0.05),
    doomedRate: draw.chance(0.3) ? 0.02 : 0,
    slowRate: rate(0.01, 0.2),
    cancelRate: draw.chance(0.5) ? 0.4 : 0,
    deadlineRate: draw.chance(0.3) ? 0.3 : 0,
    durability,
    spanMs: faultyMs * draw.pick([0.1, 0.5, 1]),
    groups,
  });
  return {
    seed,
    executionManagers: draw.int(1, 4),
    slots: draw.int(1, 4),
    hasExtensions: draw.chance(0.7),
    hasSeparateScheduler: draw.chance(0.5),
    durability,
    policy: draw.pick(['weighted_fair', 'weighted_fair', 'round_robin', 'fifo']),
    network: {
      delayMs: draw.skewed(0.05, 20),
      slowRate: everyMs['slow-network'] === Infinity ? 0 : slowRate,
      slowMs: draw.skewed(10, 2_000),
    },
    everyMs: everyMs as Record<Fault, number>,
    busyRate: everyMs['busy-database'] === Infinity ? 0 : busyRate,
    crashRate: everyMs['crash-around-commit'] === Infinity ? 0 : crashRate,
    databaseDelayMs: everyMs['slow-database'] === Infinity ? 0 : databaseDelayMs,
    skewMs: everyMs['clock-skew'] === Infinity ? 0 : skewMs,
    faultyMs,
    groups,
    jobs: jobs.filter((_, number) => options.withoutJobs?.has(number) !== true),
  };
}
