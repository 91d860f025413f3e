import { jobOrchestration } from './job-orchestration.ts';
import { peers } from './peers.ts';
import type { Situation } from './situation.ts';
import { taskInstances } from './task-instances.ts';

/** Each situation of the reference's storage services, in their order. */
export const SITUATIONS: readonly Situation[] = [...jobOrchestration, ...taskInstances, ...peers];
