import type { Rng } from '@spider/runtime';
import type { Disturbance } from '../blows/blow.ts';
import type { FlushedState } from '../database.ts';
import type { ProofCluster, ProofClusterOptions } from './proof-cluster.ts';

/** What a user may choose of a proof. */
export interface ProofVariant {
  readonly db: 'sqlite' | 'mariadb';
  readonly durability: 'task' | 'sync';
  readonly separateScheduler: boolean;
}

/** One thing to be shown, in rounds of some blows each. */
export interface Proof {
  readonly summary: string;
  readonly dbs: readonly ProofVariant['db'][];
  /** At full size. */
  readonly rounds: number;
  readonly blowsPerRound: number;
  readonly cluster: Pick<ProofClusterOptions, 'places' | 'executionManagers'>;
  /** Jobs at a time. */
  readonly lanes: number;
  readonly strike: (round: Round) => Promise<void>;
}

/** One round while it runs. */
export interface Round extends ProofVariant {
  readonly cluster: ProofCluster;
  readonly rng: Rng;
  readonly blows: number;
  readonly disturbances: Disturbance[];
  /** What the database said each time no storage ran. */
  readonly flushed: FlushedState[];
  /** Instants from which the next dispatch is measured, and the last block before them. */
  readonly takeOvers: { readonly atMs: number; readonly block: number }[];
  /** What else was not as promised. */
  readonly problems: string[];
  readonly log: (line: string) => void;
  /** Lets jobs come from now on. */
  startTraffic(): void;
}

export const between = (rng: Rng, low: number, high: number): number =>
  low + rng.float() * (high - low);
