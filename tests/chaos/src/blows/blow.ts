import type { ClusterProcess, LocalCluster } from '@spider/local-cluster';
import type { Rng } from '@spider/runtime';
import type { Claims } from '../claims.ts';
import type { ChaosDatabase, FlushedState } from '../database.ts';
import { monotonicMs } from '../execution-record.ts';
import type { Faults } from '../faults.ts';
import type { Link } from '../link.ts';

/** What is killed. */
export const KILLS = ['storage', 'scheduler', 'em', 'executor', 'database'] as const;
export type Kill = (typeof KILLS)[number];

/** What else is done to a cluster. */
const OTHER_BLOWS = [
  'storage-stop',
  'scheduler-stop',
  'em-stop',
  'database-stop',
  'cut',
  'block',
  'delay',
  'disk-full',
  'fsync',
  'clock',
] as const;

export const BLOWS = [...KILLS, ...OTHER_BLOWS] as const;
export type BlowName = (typeof BLOWS)[number];

/** Something that was done to a process, in milliseconds of the monotonic clock. */
export interface Disturbance {
  readonly kind: BlowName;
  /** 0 where it is no process of the cluster. */
  readonly pid: number;
  readonly atMs: number;
  /** When it was over; Infinity for a process that was killed. */
  untilMs: number;
}

/** A cluster, and all that can be done to it. */
export interface World {
  readonly cluster: LocalCluster;
  readonly database: ChaosDatabase;
  readonly links: readonly WorldLink[];
  /** By the name of the process; without those where this machine can't make any. */
  readonly faults: ReadonlyMap<string, Faults>;
  /** How long an execution manager may be silent. */
  readonly graceMs: number;
  readonly disturbances: Disturbance[];
  /** One for each time storage was dead. */
  readonly flushed: FlushedState[];
  readonly claims: Claims;
  readonly log: (line: string) => void;
}

export interface WorldLink {
  readonly link: Link;
  /** What may not be struck at the same time. */
  readonly claims: readonly string[];
  /** The execution manager that goes this way. */
  readonly manager?: string;
}

/** One thing that may be struck, and all that nobody else may strike meanwhile. */
export interface Victim {
  readonly claims: readonly string[];
  strike(rng: Rng): Promise<void>;
}

export interface Blow {
  /** The usual pause between two of this kind. */
  readonly everyMs: number;
  /** None where it can't be done to this cluster. */
  victims(world: World): readonly Victim[];
}

export const between = (rng: Rng, low: number, high: number): number =>
  low + rng.float() * (high - low);

/** Notes it before it happens. */
export function note(world: World, kind: BlowName, pid: number, text: string): Disturbance {
  const disturbance = { kind, pid, atMs: monotonicMs(), untilMs: Infinity };
  world.disturbances.push(disturbance);
  world.log(`${kind}: ${text}`);
  return disturbance;
}

export const end = (disturbance: Disturbance): void => {
  disturbance.untilMs = monotonicMs();
};

export const sleep = (ms: number): Promise<void> =>
  new Promise((resolve) => {
    setTimeout(resolve, ms);
  });

export const managersOf = ({ cluster }: World): readonly ClusterProcess[] =>
  cluster.processes.executionManagers.filter(({ isRunning }) => isRunning);
