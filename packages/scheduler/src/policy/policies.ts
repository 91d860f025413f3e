import type {
  QueuedJob,
  SchedulingPolicy,
  SchedulingPolicyFactory,
} from '../machine/scheduling-policy.ts';
import { FifoPolicy } from './fifo.ts';

const fifo = <Job extends QueuedJob>(): SchedulingPolicy<Job> => new FifoPolicy<Job>();

/** The policies by the names that a configuration knows them by. */
export const POLICIES = {
  fifo,
  // The reference's name is taken, so that its configurations are: storage hands out some tasks of each
  // job in turn, and FIFO keeps that order.
  round_robin: fifo,
} as const satisfies Record<string, SchedulingPolicyFactory>;
