import type { SchedulingPolicyDefinition } from '../machine/scheduling-policy.ts';
import { FifoPolicy } from './fifo.ts';
import { RoundRobinPolicy } from './round-robin.ts';
import { WeightedFairPolicy } from './weighted-fair.ts';

/** The policies by the names that a configuration knows them by. */
export const POLICIES = {
  weighted_fair: {
    create: ({ sharing }) => new WeightedFairPolicy(sharing),
    buffer: 'demand',
    deduplicates: false,
  },
  round_robin: {
    create: ({ activeJobs }) => new RoundRobinPolicy(activeJobs),
    buffer: 'capacity',
    deduplicates: true,
  },
  fifo: { create: () => new FifoPolicy(), buffer: 'capacity', deduplicates: false },
} as const satisfies Record<string, SchedulingPolicyDefinition>;

export type PolicyName = keyof typeof POLICIES;
